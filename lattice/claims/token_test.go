package claims

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

func TestParseGivesWhatWasSigned(t *testing.T) {
	s := newSigner(t)
	m, original := echo(), wasm(componentHead, 50)
	m.NotBefore, m.Expires = date0("2026-01-02"), date0("2027-01-02").Add(999*time.Millisecond)
	c, err := Parse(s.token(t, m, original))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(c.ID, c.Issuer, c.Root, c.Kind, c.Name, c.Version, c.Alias, c.Revision, c.Hash, c.Size, c.Grants, c.Tags, c.NotBefore, c.Expires)
	want := fmt.Sprint(ActorID(s.id, "echo"), s.id, s.id, "actor", "echo", "1.2.0", "parrot", 3, Hash(original), len(original),
		m.Grants, m.Tags, date0("2026-01-02"), date0("2027-01-02"))
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if age := time.Since(c.Issued); age < -time.Second || age > time.Minute {
		t.Errorf("issued %v ago", age)
	}
}

func TestTokensAreReadableByTheNATSLibrary(t *testing.T) {
	s := newSigner(t)
	token := s.token(t, echo(), wasm(moduleHead, 5))
	g, err := jwt.DecodeGeneric(token)
	if err != nil {
		t.Fatal(err)
	}
	if g.Subject != ActorID(s.id, "echo") || g.Issuer != s.id || g.Data["hash"] != Hash(wasm(moduleHead, 5)) || g.Data["rev"] != 3.0 {
		t.Errorf("read as %v", g)
	}
}

func TestTokensAreNoNATSCredentials(t *testing.T) {
	s := newSigner(t)
	token := s.token(t, echo(), wasm(moduleHead, 5))
	if _, err := jwt.DecodeUserClaims(token); err == nil {
		t.Error("passes as a NATS user")
	}
	if _, err := jwt.DecodeAccountClaims(token); err == nil {
		t.Error("passes as a NATS account")
	}
	if c, err := jwt.Decode(token); err == nil {
		t.Errorf("passes as a %T", c)
	}
}

func TestParseRefusesTokensOfOtherKinds(t *testing.T) {
	s := newSigner(t)
	token := s.token(t, echo(), wasm(moduleHead, 5))
	payload := payloadOf(t, token)
	parts := strings.Split(token, ".")
	user := newUser(t)
	userJWT, err := jwt.NewUserClaims(user.id).Encode(s.key)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"empty":                    "",
		"no dots":                  "token",
		"four parts":               token + ".x",
		"NATS user JWT":            userJWT,
		"V1 header":                s.forgeUnder(t, `{"typ":"jwt","alg":"ed25519"}`, payload),
		"V1 token that panics":     s.forgeUnder(t, `{"typ":"jwt","alg":"ed25519"}`, `{"iss":"`+s.id+`","type":"user"}`),
		"header with more":         s.forgeUnder(t, `{"typ":"JWT","alg":"ed25519-nkey","kid":"x"}`, payload),
		"header in another order":  s.forgeUnder(t, `{"alg":"ed25519-nkey","typ":"JWT"}`, payload),
		"algorithm none":           s.forgeUnder(t, `{"typ":"JWT","alg":"none"}`, payload),
		"algorithm none, unsigned": base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"none"}`)) + "." + parts[1] + ".",
		"unsigned":                 parts[0] + "." + parts[1] + ".",
		"HMAC with the public key": hmacToken(s.id, payload),
		"signed by a user's key":   user.forge(t, strings.ReplaceAll(payload, s.id, user.id)),
		"type user":                s.forge(t, strings.Replace(payload, tokenType, "user", 1)),
		"for another audience":     s.forge(t, strings.Replace(payload, audience, "wattle:trust", 1)),
		"of a later version":       s.forge(t, strings.Replace(payload, `"version":2`, `"version":3`, 1)),
		"payload no object":        s.forge(t, `[]`),
		"payload null":             s.forge(t, `null`),
		"payload empty":            s.forge(t, ``),
		"payload cut":              s.forge(t, payload[:len(payload)-1]),
		"payload twice":            s.forge(t, payload+payload),
		"nested 5000 deep":         s.forge(t, strings.Repeat("[", 5000)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(bad)
			wantKind(t, err, ErrToken)
		})
	}
}

func newUser(t *testing.T) signer {
	t.Helper()
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	return signerOf(t, key)
}

// hmacToken is the classic confusion: the public key used as a shared secret.
func hmacToken(key, payload string) string {
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString([]byte(`{"typ":"JWT","alg":"HS256"}`)) + "." + enc.EncodeToString([]byte(payload))
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(signed))
	return signed + "." + enc.EncodeToString(mac.Sum(nil))
}

// Every case is genuinely signed by its issuer: only its contents are wrong.
func TestParseRefusesPayloads(t *testing.T) {
	s, other := newSigner(t), newSigner(t)
	m := echo()
	m.NotBefore, m.Expires = date0("2026-01-02"), date0("2027-01-02")
	good := payloadOf(t, s.token(t, m, wasm(moduleHead, 5)))
	nbf, exp := fmt.Sprint(m.NotBefore.Unix()), fmt.Sprint(m.Expires.Unix())
	hash := Hash(wasm(moduleHead, 5))
	c, err := Parse(s.forge(t, good))
	if err != nil {
		t.Fatalf("the payload that all cases are made from is refused: %v", err)
	}
	iat := fmt.Sprintf(`"iat":%d`, c.Issued.Unix())
	for name, change := range map[string][2]string{
		"repeated key":                     {`"name":"echo"`, `"name":"evil","name":"echo"`},
		"repeated key in another case":     {`"name":"echo"`, `"name":"echo","NAME":"evil"`},
		"key in another case":              {`"name":"echo"`, `"Name":"echo"`},
		"key with a look-alike of s":       {`"iss":`, `"iſs":`},
		"repeated key inside":              {`"rev":3`, `"rev":3,"rev":9`},
		"repeated key inside, other case":  {`"rev":3`, `"Rev":9,"rev":3`},
		"repeated claims":                  {`"nats":{`, `"nats":{},"nats":{`},
		"unknown key":                      {`"name":"echo"`, `"admin":true,"name":"echo"`},
		"unknown key inside":               {`"rev":3`, `"rev":3,"root2":"x"`},
		"unknown key in a grant":           {`"cap":"wasi:http"`, `"cap":"wasi:http","all":true`},
		"another order":                    {`"iss":"` + s.id + `","name":"echo"`, `"name":"echo","iss":"` + s.id + `"`},
		"space":                            {`"name":"echo"`, `"name": "echo"`},
		"escaped letter":                   {`"name":"echo"`, `"name":"\u0065cho"`},
		"escaped NUL in a name":            {`"name":"echo"`, `"name":"echo\u0000"`},
		"number as a float":                {`"rev":3`, `"rev":3.0`},
		"number with an exponent":          {`"rev":3`, `"rev":3e0`},
		"number too large":                 {`"rev":3`, `"rev":99999999999999999999`},
		"revision beyond 2^53":             {`"rev":3`, `"rev":9007199254740993`},
		"revision negative":                {`"rev":3`, `"rev":-3`},
		"revision as text":                 {`"rev":3`, `"rev":"3"`},
		"revision null":                    {`"rev":3`, `"rev":null`},
		"expiry negative":                  {`"exp":` + exp, `"exp":-1`},
		"expiry at Go's zero time":         {`"exp":` + exp, `"exp":-62135596800`},
		"not before Go's zero time":        {`"nbf":` + nbf, `"nbf":-62135596800`},
		"time of issue zero":               {iat, `"iat":0`},
		"time of issue at Go's zero time":  {iat, `"iat":-62135596800`},
		"capability too long":              {"wasi:http", "wasi:" + strings.Repeat("h", maxText)},
		"expiry zero":                      {`"exp":` + exp, `"exp":0`},
		"expiry null":                      {`"exp":` + exp, `"exp":null`},
		"expiry in the year 292277026596":  {`"exp":` + exp, `"exp":9223372036854775807`},
		"expiry before it is valid":        {`"exp":` + exp, `"exp":` + nbf},
		"not before negative":              {`"nbf":` + nbf, `"nbf":-1`},
		"time of issue missing":            {`"iat":`, `"iax":`},
		"time of issue negative":           {`"iat":`, `"iat":-`},
		"issuer empty":                     {`"iss":"` + s.id + `"`, `"iss":""`},
		"issuer no key":                    {`"iss":"` + s.id + `"`, `"iss":"` + strings.Repeat("A", keyLen) + `"`},
		"issuer with a line end":           {`"iss":"` + s.id + `"`, `"iss":"` + s.id[:40] + `\n` + s.id[40:] + `"`},
		"issuer in lower case":             {`"iss":"` + s.id + `"`, `"iss":"` + strings.ToLower(s.id) + `"`},
		"root no key":                      {`"root":"` + s.id + `"`, `"root":"me"`},
		"root of somebody else":            {`"root":"` + s.id + `"`, `"root":"` + other.id + `"`}, // the id does not follow
		"name of somebody else's actor":    {`"name":"echo"`, `"name":"echo2"`},
		"id of somebody else's actor":      {`"sub":"` + ActorID(s.id, "echo"), `"sub":"` + ActorID(other.id, "echo")},
		"kind unknown":                     {`"kind":"actor"`, `"kind":"root"`},
		"alias with a look-alike of o":     {`"alias":"parrot"`, `"alias":"parrоt"`},
		"version with a line end":          {`"ver":"1.2.0"`, `"ver":"1.2.0\n"`},
		"version with an escape sequence":  {`"ver":"1.2.0"`, `"ver":"\u001b[31m"`},
		"version too long":                 {`"ver":"1.2.0"`, `"ver":"` + strings.Repeat("1", maxText+1) + `"`},
		"hash of another length":           {hash, hash + "00"},
		"hash in upper case":               {hash, "sha256:" + strings.ToUpper(hash[7:])},
		"hash of another kind":             {"sha256:", "sha512:"},
		"hash missing":                     {hash, ""},
		"size missing":                     {`"size":`, `"sise":`},
		"size negative":                    {`"size":`, `"size":-`},
		"size larger than any module":      {`"size":`, `"size":9999999`},
		"jti with a path":                  {`"jti":"`, `"jti":"../`},
		"tag with NUL":                     {"küche", `a\u0000b`},
		"tag with a change of direction":   {"küche", "a\u202eb"},
		"tag with broken UTF-8":            {"küche", "a\xffb"},
		"tag with half a surrogate pair":   {"küche", `a\ud800b`},
		"tag empty":                        {"küche", ""},
		"tags an empty list":               {`["küche"]`, `[]`},
		"33 tags":                          {`["küche"]`, `["x"` + strings.Repeat(`,"x"`, maxTags) + `]`},
		"capability with a version":        {"wasi:http", "wasi:http@0.2.0"},
		"capability with an interface":     {"wasi:http", "wasi:http/types"},
		"capability of everything":         {"wasi:http", "*"},
		"capability with a wildcard":       {"wasi:http", "wasi:*"},
		"capability in upper case":         {"wasi:http", "WASI:http"},
		"capability with a look-alike":     {"wasi:http", "wаsi:http"},
		"capability with three parts":      {"wasi:http", "wasi:http:x"},
		"capability empty":                 {"wasi:http", ""},
		"capability without namespace":     {"wasi:http", ":http"},
		"capability granted twice":         {"wasi:http", "wasi:keyvalue"},
		"65 grants":                        {`{"cap":"wasi:http"}`, manyGrants(maxGrants)},
		"operation empty":                  {`"set"`, `""`},
		"operation twice":                  {`"set"`, `"get"`},
		"operation with a space":           {`"set"`, `"s t"`},
		"65 operations":                    {`["get","set"]`, manyOps(maxOps + 1)},
		"scope a list":                     {`{"buckets":["counts"]}`, `["counts"]`},
		"scope null":                       {`{"buckets":["counts"]}`, `null`},
		"scope with a repeated key":        {`{"buckets":`, `{"buckets":["all"],"buckets":`},
		"scope with a key in two cases":    {`{"buckets":`, `{"Buckets":["all"],"buckets":`},
		"scope with a look-alike of s":     {`{"buckets":`, `{"bucketſ":["all"],"buckets":`},
		"scope with a repeated key inside": {`["counts"]`, `[{"a":1,"a":2}]`},
		"scope with keys out of order":     {`{"buckets":["counts"]}`, `{"b":1,"a":2}`},
		"scope too deep":                   {`["counts"]`, strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)},
		"scope too large":                  {`["counts"]`, `"` + strings.Repeat("x", maxScope) + `"`},
		"scope with too many keys":         {`["counts"]`, manyKeys(maxScopeKeys + 1)},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Count(good, change[0]) == 0 {
				t.Fatalf("%s is not in the payload", change[0])
			}
			_, err := Parse(s.forge(t, strings.Replace(good, change[0], change[1], 1)))
			if err == nil {
				t.Fatal("accepted")
			}
			if kind := err.(*Error).Kind; kind != ErrToken && kind != ErrTooLarge {
				t.Errorf("kind is %v", kind)
			}
			wantKind(t, err, err.(*Error).Kind)
			if len(err.Error()) > 600 {
				t.Errorf("error text has %d bytes", len(err.Error()))
			}
		})
	}
}

func manyGrants(n int) string {
	s := make([]string, n)
	for i := range s {
		s[i] = fmt.Sprintf(`{"cap":"x:a%d"}`, i)
	}
	return strings.Join(s, ",")
}

func manyOps(n int) string {
	s := make([]string, n)
	for i := range s {
		s[i] = fmt.Sprintf(`"o%d"`, i)
	}
	return "[" + strings.Join(s, ",") + "]"
}

func manyKeys(n int) string {
	s := make([]string, n)
	for i := range s {
		s[i] = fmt.Sprintf(`"k%03d":1`, i)
	}
	return "{" + strings.Join(s, ",") + "}"
}

func TestParseRefusesOtherSpellingsOfTheSameToken(t *testing.T) {
	s := newSigner(t)
	token := s.token(t, echo(), wasm(moduleHead, 5))
	last := strings.LastIndexByte(token, '.')
	for name, bad := range map[string]string{
		"line end in the header":    token[:5] + "\n" + token[5:],
		"line end in the payload":   token[:80] + "\r\n" + token[80:],
		"line end in the signature": token[:last+9] + "\n" + token[last+9:],
		"line end at the end":       token + "\n",
		"padding":                   token + "==",
		"space":                     " " + token,
		"standard alphabet":         token[:last] + "." + strings.Repeat("+", 86),
		"stray bits at the end":     token[:len(token)-1] + strayBits(token[len(token)-1]),
		"signature cut":             token[:len(token)-4],
		"signature too long":        token + "AAAA",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(bad)
			wantKind(t, err, ErrToken)
		})
	}
}

// strayBits gives a base64 letter that differs from c only in bits that decoding drops.
func strayBits(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^1:][:1]
}

func TestParseRefusesSignatures(t *testing.T) {
	s, other := newSigner(t), newSigner(t)
	token := s.token(t, echo(), wasm(moduleHead, 5))
	payload := payloadOf(t, token)
	last := strings.LastIndexByte(token, '.')
	sig, err := base64.RawURLEncoding.DecodeString(token[last+1:])
	if err != nil {
		t.Fatal(err)
	}
	with := func(sig []byte) string { return token[:last+1] + base64.RawURLEncoding.EncodeToString(sig) }
	otherSig := other.forge(t, payload)
	for name, bad := range map[string]string{
		"by somebody else":                   otherSig,
		"by the issuer, of another payload":  token[:last] + s.forge(t, payload+" ")[last+2:],
		"all zero":                           with(make([]byte, ed25519.SignatureSize)),
		"the same number, group order added": with(addOrder(sig)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(bad)
			wantKind(t, err, ErrSignature)
		})
	}
}

// addOrder adds the group's order to S, which a lax verifier takes for the same signature (RFC 8032, 5.1.7).
func addOrder(sig []byte) []byte {
	order, err := hex.DecodeString("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	if err != nil {
		panic(err)
	}
	out := append([]byte(nil), sig...)
	carry := 0
	for i := range order {
		carry += int(out[32+i]) + int(order[i])
		out[32+i] = byte(carry)
		carry >>= 8
	}
	return out
}

func TestParseRefusesHugeTokens(t *testing.T) {
	s := newSigner(t)
	for _, size := range []int{MaxToken, 8 << 20} {
		_, err := Parse(s.forge(t, strings.Repeat("x", size)))
		wantKind(t, err, ErrTooLarge)
	}
}

// Anybody can make signatures that such a key "verifies": R the neutral point, S zero. The test shows that for each key that is refused,
// so no honest key is, then that each is refused.
func TestParseRefusesKeysOfSmallOrder(t *testing.T) {
	forged := make([]byte, ed25519.SignatureSize)
	forged[0] = 1
	keys := []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	}
	for _, k := range keys {
		raw, err := hex.DecodeString(k)
		if err != nil {
			t.Fatal(err)
		}
		if !verifiesSomething(raw, forged) {
			t.Errorf("%s verifies no forged signature: it should not be refused", k)
		}
		id, err := nkeys.Encode(nkeys.PrefixByteAccount, raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := publicKey(string(id)); ok {
			t.Errorf("%s is accepted as an issuer", k)
		}
	}
}

func verifiesSomething(key, sig []byte) bool {
	for i := range uint64(200) { // one in eight does, for an order of eight
		if ed25519.Verify(key, binary.LittleEndian.AppendUint64(nil, i), sig) {
			return true
		}
	}
	return false
}
