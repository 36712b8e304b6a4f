// Command counter is an actor that counts visits: each GET of a path adds one to the number of that name, in a
// key-value bucket.
package main

import (
	"strings"

	"github.com/wattle-io/wattle/sdk/http"
	"github.com/wattle-io/wattle/sdk/json"
	"github.com/wattle-io/wattle/sdk/keyvalue"
)

func init() { http.HandleFunc(count) }

// count answers {"name":"apples","count":3} to the third GET /apples.
func count(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		http.MethodNotAllowed(w, http.MethodGet)
		return
	}
	name := strings.Trim(r.Path, "/")
	if name == "" {
		name = "default"
	}
	n, err := increment(name)
	if err != nil {
		http.Error(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	var o json.Object
	o.String("name", name)
	o.Int("count", n)
	http.JSON(w, http.StatusOK, append(o.Bytes(), '\n'))
}

func increment(name string) (int64, error) {
	counts, err := keyvalue.Open("counts")
	if err != nil {
		return 0, err
	}
	defer counts.Close()
	return counts.Increment(name, 1)
}

func main() {}
