package bus

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nkeys"
	"github.com/wattle-io/wattle/lattice"
)

// Token is an invitation: who holds it may have one host join the lattice, once, until it expires. It is a credential of
// RoleEnroll, which can do nothing else, with what a host must know of the hub. Name and labels are signed with it: the host
// cannot choose others.
type Token struct {
	User    *User             // the credential
	Hubs    []string          // where the hub is, see LeafConfig
	Pin     Pin               // of the hub
	Lattice string            // id of the lattice, A…
	Name    string            // of the host
	Labels  map[string]string // of the host
	Expires time.Time
}

// TokenConfig says what a token is for.
type TokenConfig struct {
	// Name of the host that may join, a lattice.ValidName.
	Name string
	// Labels of the host, up to 16; keys and values are up to 63 of a-z, A-Z, 0-9, ".", "-", "_" and "/".
	Labels map[string]string
	// TTL is how long the token may be used; 15 minutes unless given, at most MaxTokenTTL.
	TTL time.Duration
	// Hubs and Pin are those of Hub.LeafURLs and Hub.Pin.
	Hubs []string
	Pin  Pin
}

const (
	// MaxTokenTTL is the longest that a token may be used.
	MaxTokenTTL = 7 * 24 * time.Hour

	defaultTokenTTL = 15 * time.Minute
	// politeFor is how much longer the credential of a token gets as far as the hub's enrolment, so that it can say that it has
	// expired: NATS itself says nothing.
	politeFor = 24 * time.Hour
	maxLabels = 16
	maxLabel  = 63
	// maxToken is the most characters of a token's text.
	maxToken = 4096

	labelTag, untilTag = "label:", "until:"
)

// NewToken makes a token. It needs no hub: the token is signed, and the hub sees when it is used.
func NewToken(id *Identity, cfg TokenConfig) (*Token, error) {
	if cfg.TTL == 0 {
		cfg.TTL = defaultTokenTTL
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	kp, err := nkeys.CreateUser()
	if err != nil {
		return nil, fmt.Errorf("bus: make key of a token: %w", err)
	}
	pub, err := kp.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("bus: make key of a token: %w", err)
	}
	expires := time.Now().Add(cfg.TTL).Truncate(time.Second)
	tags := []string{untilTag + strconv.FormatInt(expires.Unix(), 10)}
	for _, k := range slices.Sorted(maps.Keys(cfg.Labels)) {
		tags = append(tags, labelTag+k+"="+cfg.Labels[k])
	}
	signed, err := id.credential(pub, RoleEnroll, cfg.Name, cfg.TTL+politeFor, tags...)
	if err != nil {
		return nil, err
	}
	u, err := newUser(kp, signed)
	if err != nil {
		return nil, err
	}
	return newToken(u, cfg.Hubs, cfg.Pin)
}

func (cfg TokenConfig) check() error {
	bad := func(format string, v ...any) error {
		return &lattice.Error{Kind: lattice.ErrInvalid, Msg: fmt.Sprintf(format, v...)}
	}
	if !lattice.ValidName(cfg.Name) {
		return bad("%.80q cannot name a host: use 1 to 64 of a-z, 0-9 and -", cfg.Name)
	}
	if cfg.TTL < time.Second || cfg.TTL > MaxTokenTTL {
		return bad("a token can be for a second to %s, not %s", MaxTokenTTL, cfg.TTL)
	}
	if len(cfg.Labels) > maxLabels {
		return bad("a host can have %d labels, not %d", maxLabels, len(cfg.Labels))
	}
	for k, v := range cfg.Labels {
		if !validLabel(k) || !validLabel(v) {
			return bad("%.80q is no label: use up to %d of a-z, A-Z, 0-9 and .-_/ on each side", k+"="+v, maxLabel)
		}
	}
	if cfg.Pin.IsZero() {
		return bad("a token needs the pin of the hub")
	}
	_, err := parseHubs(cfg.Hubs, cfg.Pin)
	return err
}

func validLabel(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(".-_/", c) >= 0:
		default:
			return false
		}
	}
	return len(s) > 0 && len(s) <= maxLabel
}

// newToken reads what the credential says. Whether it is true only the hub can tell.
func newToken(u *User, hubs []string, pin Pin) (*Token, error) {
	c, err := readClaims(u.JWT)
	if err != nil {
		return nil, err
	}
	invited, err := c.invitation()
	if err != nil {
		return nil, err
	}
	if c.Subject != u.ID {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: "the token's key is not that of its credential"}
	}
	t := &Token{User: u, Hubs: hubs, Pin: pin, Lattice: c.NATS.Account, Name: c.Name, Labels: invited.labels, Expires: invited.until}
	if err := (TokenConfig{Name: t.Name, Labels: t.Labels, TTL: time.Minute, Hubs: hubs, Pin: pin}).check(); err != nil {
		return nil, err
	}
	return t, nil
}

type invitation struct {
	until  time.Time
	labels map[string]string
}

// invitation reads the tags of a token's credential.
func (c claims) invitation() (inv invitation, err error) {
	inv.labels = make(map[string]string)
	for _, tag := range c.NATS.Tags {
		if s, ok := strings.CutPrefix(tag, untilTag); ok {
			unix, err := strconv.ParseInt(s, 10, 64)
			if err != nil || unix <= 0 || unix > 1<<40 {
				return inv, &lattice.Error{Kind: lattice.ErrInvalid, Msg: "the token has no time of expiry"}
			}
			inv.until = time.Unix(unix, 0)
		}
		if s, ok := strings.CutPrefix(tag, labelTag); ok {
			k, v, _ := strings.Cut(s, "=")
			inv.labels[k] = v
		}
	}
	if inv.until.IsZero() {
		return inv, &lattice.Error{Kind: lattice.ErrInvalid, Msg: "the token has no time of expiry"}
	}
	return inv, nil
}

// The two forms of a token's text. The second has only characters of the alphanumeric mode of QR codes, which makes them smaller.
const (
	tokenPrefix   = "wattle1."
	tokenPrefixQR = "WATTLE1:"
	checksumLen   = 4
)

var base32Form = base32.StdEncoding.WithPadding(base32.NoPadding)

// String is the token's text, "wattle1." and about 500 characters of base64url. It is a secret until it is used.
func (t *Token) String() string {
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(t.bytes())
}

func (t *Token) bytes() []byte {
	b := packToken(t)
	sum := sha256.Sum256(b)
	return append(b, sum[:checksumLen]...)
}

// ParseToken reads a token's text, of either form; white space around it and line breaks within do not matter. ErrInvalid says
// whether it is no token at all, was damaged on the way, or is of a later version. Whether it is expired, used or revoked the
// hub decides.
func ParseToken(s string) (*Token, error) {
	bad := func(msg, hint string) (*Token, error) {
		return nil, &lattice.Error{Kind: lattice.ErrInvalid, Msg: msg, Hint: hint}
	}
	if len(s) > 2*maxToken {
		return bad("this is too long for a join token", "paste the token only")
	}
	s = strings.Join(strings.Fields(s), "")
	var b []byte
	var err error
	switch {
	case len(s) > maxToken:
		return bad("this is too long for a join token", "paste the token only")
	case strings.HasPrefix(s, tokenPrefix):
		b, err = base64.RawURLEncoding.Strict().DecodeString(s[len(tokenPrefix):])
	case strings.HasPrefix(s, tokenPrefixQR):
		b, err = base32Form.DecodeString(s[len(tokenPrefixQR):])
	default:
		return bad("this is no join token", "a token starts with "+tokenPrefix)
	}
	if err != nil || len(b) <= checksumLen {
		return bad("the join token was damaged on the way", "paste the whole line")
	}
	body, sum := b[:len(b)-checksumLen], b[len(b)-checksumLen:]
	if want := sha256.Sum256(body); string(want[:checksumLen]) != string(sum) {
		return bad("the join token was damaged on the way: its checksum is wrong", "paste the whole line")
	}
	return unpackToken(body)
}
