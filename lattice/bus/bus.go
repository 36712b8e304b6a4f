// Package bus is the lattice's wire: embedded NATS servers with JetStream (a Hub, and a Leaf in each host that joins it), the
// identity that their trust rests on, the roles that say who may publish what, how a host joins (Token, ServeEnroll, Enroll),
// connections, and small revision-checked records (Bucket).
//
// It knows nothing of actors, links or commands: those are the packages above it. It is the only package that imports nats-server.
//
// # Trust
//
// An [Identity] is a NATS operator with a system account and one account, the lattice. The lattice account has one scoped
// signing key for each [Role]: a credential carries no permissions of its own, only a role, and the hub looks up what the role
// may do. So a stolen role key cannot make a credential of another role, and a change of the table below reaches all credentials
// at once.
//
// # Subjects
//
// H, dst and src are host ids (U…), T and S ids of callee and caller.
//
//	ctl.<H>.<verb>                   commands to one host
//	auc.<verb>                       questions to all hosts
//	rpc.<dst H>.<src H>.<T>.<S>.<op> invocations: permissions prove both ends
//	evt.<H>.<kind> hb.<H> log.<H>.<S> telemetry, own host only
//	kvup.<bucket>.<key>              what changed in a bucket
//	enroll.<U>                       joining and renewal, see ServeEnroll
//	_R.<U>.<random>                  replies to user U
//	loc.>                            within one host, never on the wire
package bus

import "time"

// Limits and names that hold in the whole lattice.
const (
	// Domain is the JetStream domain of the hub. Its API is at $JS.hub.API from everywhere, the hub included.
	Domain = "hub"
	// APIPrefix is where the hub's JetStream is asked.
	APIPrefix = "$JS." + Domain + ".API."
	// MaxPayload is the most bytes that one message may have, header included. A larger one closes the sender's connection.
	MaxPayload = 1 << 20
	// ReplyPrefix starts the subjects of replies; the id of the user follows.
	ReplyPrefix = "_R"

	connectTimeout = 5 * time.Second
	readyTimeout   = 10 * time.Second

	// A silent peer is given up after maxPingsOut pings: within three seconds.
	pingInterval = time.Second
	maxPingsOut  = 2
	// handshakeSeconds bounds TLS and the proof of a credential, each.
	handshakeSeconds = 2

	// enrollPrefix is what a host or a holder of a join token asks the hub on; its user id follows.
	enrollPrefix = "enroll."
	// linkSubject tells the connections of a host whether its link to the hub is up. What starts with "loc." never leaves the host.
	linkSubject = "loc.link"
	linkUp      = "up"
	linkDown    = "down"
)
