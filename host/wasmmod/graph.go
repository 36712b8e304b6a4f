package wasmmod

import "math"

// graph is the call graph of a module's own functions. One more node, any, stands for what the module cannot see: an indirect
// call or an imported function may call every function whose address is taken or that is exported.
type graph struct {
	first []uint32 // where a function's callees begin in calls; one more at the end
	calls []uint32 // callees; equal to any for the unseen
	any   uint32
}

// unbounded is the cost of a function with a loop, or one that can lead into a cycle of calls or to the unseen.
const unbounded = math.MaxInt32

// analyse returns for each node whether a call of it can lead into a cycle: only then can the stack grow without bound below
// it. It turns cost, the instructions of each function itself, into those of a call of it with all that it calls.
// It is Tarjan's algorithm without recursion; components complete after all that they reach.
func (g *graph) analyse(cost []int64) (deep []bool) {
	n := len(g.first) - 1
	t := tarjan{graph: g, index: make([]uint32, n), low: make([]uint32, n), deep: make([]bool, n), cost: cost}
	for v := range t.index {
		if t.index[v] == 0 {
			t.visit(uint32(v))
		}
	}
	return t.deep
}

type tarjan struct {
	*graph
	index, low []uint32 // 0: not visited; done: its component is complete
	deep       []bool
	cost       []int64
	stack      []uint32
	work       []frame
	next       uint32
}

// frame is a node on the way, and the next of its edges.
type frame struct{ node, edge uint32 }

const done = ^uint32(0)

func (t *tarjan) push(v uint32) {
	t.next++
	t.index[v], t.low[v] = t.next, t.next
	t.stack = append(t.stack, v)
	t.work = append(t.work, frame{v, t.first[v]})
}

func (t *tarjan) visit(root uint32) {
	t.push(root)
	for len(t.work) > 0 {
		f := &t.work[len(t.work)-1]
		if f.edge == t.first[f.node+1] {
			t.leave(f.node)
			continue
		}
		w := t.calls[f.edge]
		f.edge++
		switch {
		case t.index[w] == 0:
			t.push(w)
		case t.index[w] != done:
			t.low[f.node] = min(t.low[f.node], t.index[w])
			t.deep[f.node] = true // w is on the way to this node: a cycle
		default:
			t.add(f.node, w)
		}
	}
}

// add counts a call of a completed node.
func (t *tarjan) add(v, callee uint32) {
	t.deep[v] = t.deep[v] || t.deep[callee]
	t.cost[v] = min(unbounded, t.cost[v]+t.cost[callee])
}

// leave completes a node, and its component if it is the root of one.
func (t *tarjan) leave(v uint32) {
	t.work = t.work[:len(t.work)-1]
	if t.low[v] == t.index[v] {
		t.complete(v)
	}
	if len(t.work) == 0 {
		return
	}
	up := t.work[len(t.work)-1].node
	if t.index[v] != done {
		t.low[up] = min(t.low[up], t.low[v])
		t.deep[up] = true // the way back from v to up, or above it, closes a cycle
	} else {
		t.add(up, v)
	}
}

func (t *tarjan) complete(root uint32) {
	deep := t.deep[root]
	for {
		w := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		t.index[w], t.deep[w] = done, deep
		if deep {
			t.cost[w] = unbounded
		}
		if w == root {
			return
		}
	}
}
