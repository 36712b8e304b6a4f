package keyvalue

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"time"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/providers"
)

// maxBucketName is how long the name of a bucket may be, in bytes.
const maxBucketName = 64

// BucketOf says which bucket a name means that is opened through a link. The bucket of the link's config is shared by all links with
// the same one; any other name belongs to the link alone, so that two actors that open "x" do not see each other's data.
//
// The id is the name under which a backend keeps the bucket; the prefixes keep fixed and scoped buckets apart from each other and
// from all else that may live in the same store, such as the lattice's own state. The label is for people.
//
//	kv-counts                       bucket=counts
//	kvs-OBQXG43XN5ZGIIDGMFUWYZLEEE  a name within a link: 26 characters of base32(SHA-256(source 0 link 0 name))
func BucketOf(link lattice.Link, name string) (id, label string, err error) {
	if fixed, ok := link.Config["bucket"]; ok {
		if !validBucket(fixed) {
			return "", "", &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf("config of link %q: bucket = %.80q", link.Name, fixed),
				Hint: "a bucket name has 1 to 64 of A-Z, a-z, 0-9, \"_\" and \"-\""}
		}
		return "kv-" + fixed, "bucket " + fixed, nil
	}
	if len(name) == 0 || len(name) > maxBucketName {
		return "", "", invalid(fmt.Sprintf("name of a bucket has %d bytes", len(name)), fmt.Sprintf("a name has 1 to %d bytes", maxBucketName))
	}
	sum := sha256.Sum256([]byte(link.Source + "\x00" + link.Name + "\x00" + name))
	scope := base32.StdEncoding.EncodeToString(sum[:])[:26]
	return "kvs-" + scope, fmt.Sprintf("bucket %q of link %q of %s", name, link.Name, link.Source), nil
}

func validBucket(s string) bool {
	if len(s) == 0 || len(s) > maxBucketName {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// TTL reads the link config "ttl": how long a key lives after it was written, as a Go duration of at least 100 ms ("90s", "24h").
// 0 means for ever, or what the bucket has already.
func TTL(link lattice.Link) (time.Duration, error) {
	s, ok := link.Config["ttl"]
	if !ok {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 100*time.Millisecond {
		return 0, providers.BadConfig(link, "ttl", `a Go duration of at least 100ms, such as "90s" or "24h"`)
	}
	return d, nil
}
