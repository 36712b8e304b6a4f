package bus

import (
	"slices"

	"github.com/nats-io/jwt/v2"
)

// Role says what a credential may do. The permissions are in the hub, not in the credential.
type Role string

// The roles.
//
//	role     may publish                              may subscribe                     may connect
//	host     invocations from itself, its telemetry,  invocations and commands to       as a leaf, in process
//	         its inventory, reads of links, place,    itself, auc, kvup
//	         trust, inv, members
//	admin    commands, module uploads, reads          telemetry, kvup                   as a client, in process
//	view     inventory questions, reads               telemetry, kvup                   as a client, in process
//	service  everything                               everything                        in process only
//	enroll   one question to the hub                  -                                 as a leaf, in process
//
// Each may subscribe its own reply subjects. RoleService holds the only rights on streams and consumers; its credential is
// worthless outside the hub's process.
const (
	RoleHost    Role = "host"
	RoleAdmin   Role = "admin"
	RoleView    Role = "view"
	RoleService Role = "service"
	RoleEnroll  Role = "enroll" // what a join token holds, see Token
)

// Roles lists the roles.
func Roles() []Role { return []Role{RoleHost, RoleAdmin, RoleView, RoleService, RoleEnroll} }

// Valid reports whether r is one of Roles.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// viewPayload bounds what a viewer may send: questions are small.
const viewPayload = 64 << 10

// Bounds of what a holder of a join token may send, and of the subscriptions that a host may have: it needs a handful.
const (
	enrollPayload = 4 << 10
	enrollSubs    = 8
	hostSubs      = 4096
)

// template is what the hub lets a credential of the role do. {{subject()}} is the id of the credential's user.
func (r Role) template() jwt.UserPermissionLimits {
	const me = "{{subject()}}"
	t := jwt.UserPermissionLimits{}
	t.Limits = jwt.Limits{
		UserLimits: jwt.UserLimits{Src: jwt.CIDRList{}},
		NatsLimits: jwt.NatsLimits{Subs: jwt.NoLimit, Data: jwt.NoLimit, Payload: jwt.NoLimit},
	}
	client := jwt.StringList{jwt.ConnectionTypeStandard, jwt.ConnectionTypeWebsocket, jwt.ConnectionTypeInProcess}
	telemetry := jwt.StringList{ReplyPrefix + "." + me + ".>", "evt.>", "hb.>", "log.>", "kvup.>", linkSubject}
	leaf := jwt.StringList{jwt.ConnectionTypeLeafnode, jwt.ConnectionTypeLeafnodeWS, jwt.ConnectionTypeInProcess}
	switch r {
	case RoleHost:
		t.Pub.Allow = slices.Concat(jwt.StringList{"rpc.*." + me + ".>", "evt." + me + ".>", "hb." + me, "log." + me + ".>", "blob.>",
			"cfg.get." + me + ".*", ReplyPrefix + ".*.>", "$KV.inv." + me, APIPrefix + "$KV.inv." + me, enrollPrefix + me},
			reads("links", "place", "trust", "inv", MembersBucket))
		t.Sub.Allow = jwt.StringList{"rpc." + me + ".>", "ctl." + me + ".>", "auc.>", ReplyPrefix + "." + me + ".>", "kvup.>", "$SRV.>", linkSubject}
		t.AllowedConnectionTypes, t.Subs = leaf, hostSubs
	case RoleAdmin:
		t.Pub.Allow = slices.Concat(jwt.StringList{"ctl.>", "auc.>", "$SRV.>", "$O.modules.>"}, reads("links", "place", "trust", "inv", MembersBucket),
			api("STREAM.INFO.OBJ_modules", "STREAM.PURGE.OBJ_modules", "DIRECT.GET.OBJ_modules.>"))
		t.Sub.Allow, t.AllowedConnectionTypes = telemetry, client
	case RoleView:
		t.Pub.Allow = slices.Concat(jwt.StringList{"ctl.*.inventory", "$SRV.>"}, reads("links", "place", "inv", MembersBucket))
		t.Sub.Allow, t.AllowedConnectionTypes = telemetry, client
		t.Payload = viewPayload
	case RoleService:
		t.Pub.Allow, t.Sub.Allow = jwt.StringList{">"}, jwt.StringList{">"}
		t.AllowedConnectionTypes = jwt.StringList{jwt.ConnectionTypeInProcess}
	case RoleEnroll:
		t.Pub.Allow, t.Sub.Allow = jwt.StringList{enrollPrefix + me}, jwt.StringList{ReplyPrefix + "." + me + ".>"}
		t.AllowedConnectionTypes, t.Payload, t.Subs = leaf, enrollPayload, enrollSubs
	}
	return t
}

// reads is what one must publish to read the buckets: direct gets, which need no stream or consumer rights.
func reads(buckets ...string) (subjects []string) {
	for _, b := range buckets {
		subjects = append(subjects, api("DIRECT.GET.KV_"+b, "DIRECT.GET.KV_"+b+".>")...)
	}
	return subjects
}

// api is the subjects of the hub's JetStream API, twice: a leaf checks $JS.hub.API, but the hub maps that to $JS.API before it
// checks its own clients.
func api(verbs ...string) (subjects []string) {
	for _, v := range verbs {
		subjects = append(subjects, APIPrefix+v, "$JS.API."+v)
	}
	return subjects
}
