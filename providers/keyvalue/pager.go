package keyvalue

import (
	"container/heap"
	"slices"
)

// Pager picks one page out of keys that come in any order, as most backends can only be scanned: the limit smallest ones after
// the cursor. It holds no more than the page, however many keys it is shown.
type Pager struct {
	cursor string
	limit  int
	keys   maxHeap // the limit+1 smallest seen; the extra one tells that there is a next page
	member map[string]struct{}
}

// NewPager makes a Pager for the arguments of Store.List.
func NewPager(cursor string, limit int) *Pager {
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	return &Pager{cursor: cursor, limit: limit, member: map[string]struct{}{}}
}

// Add shows the pager a key; a key may be shown more than once.
func (p *Pager) Add(key string) {
	if key <= p.cursor || len(p.keys) > p.limit && key >= p.keys[0] {
		return
	}
	if _, ok := p.member[key]; ok {
		return
	}
	p.member[key] = struct{}{}
	heap.Push(&p.keys, key)
	if len(p.keys) > p.limit+1 {
		delete(p.member, heap.Pop(&p.keys).(string))
	}
}

// Page returns the page, cut to MaxList bytes.
func (p *Pager) Page() Page {
	keys := slices.Sorted(slices.Values(p.keys))
	n, size := 0, 0
	for n < len(keys) && n < p.limit && size+len(keys[n]) <= MaxList {
		size += len(keys[n])
		n++
	}
	page := Page{Keys: keys[:n]}
	if n < len(keys) {
		page.Next = keys[n-1]
	}
	return page
}

// maxHeap is a heap.Interface with the largest string first.
type maxHeap []string

func (h maxHeap) Len() int           { return len(h) }
func (h maxHeap) Less(i, j int) bool { return h[i] > h[j] }
func (h maxHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *maxHeap) Push(x any)        { *h = append(*h, x.(string)) }
func (h *maxHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
