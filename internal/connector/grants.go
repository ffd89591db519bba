package connector

import (
	"bytes"
	"container/list"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"postern/internal/wire"
)

// maxGrants bounds how many verified grants a tunnel remembers; a gateway that meets a forgotten one shows it again.
const maxGrants = 1024

// grants remembers the grants that were shown in full and verified on one tunnel, the least used go first.
type grants struct {
	mu     sync.Mutex // guards the fields below
	byHash map[string]*list.Element
	recent *list.List // of *seenGrant, the latest first
}

type seenGrant struct {
	hash  string
	grant wire.Grant
	key   []byte // that it was verified with
}

func newGrants() *grants {
	return &grants{byHash: map[string]*list.Element{}, recent: list.New()}
}

func (g *grants) find(hash string) (*seenGrant, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e, ok := g.byHash[hash]
	if !ok {
		return nil, false
	}
	g.recent.MoveToFront(e)
	return e.Value.(*seenGrant), true
}

func (g *grants) add(seen *seenGrant) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e, ok := g.byHash[seen.hash]; ok {
		e.Value = seen
		g.recent.MoveToFront(e)
		return
	}
	g.byHash[seen.hash] = g.recent.PushFront(seen)
	if g.recent.Len() > maxGrants {
		oldest := g.recent.Remove(g.recent.Back()).(*seenGrant)
		delete(g.byHash, oldest.hash)
	}
}

// check verifies the grant of an Open against the keys of s. Expiry, application and key are looked at for every
// Open; only the signature of a grant that this tunnel knows is not computed again.
func (g *grants) check(open wire.Open, s *settings, now time.Time) (wire.Grant, *wire.Refusal) {
	if open.Grant == "" {
		return g.checkSeen(open, s, now)
	}
	grant, err := s.verifier.Verify(open.Grant, open.Application, now)
	if err != nil {
		return wire.Grant{}, refuse(wire.PhaseGrant, grantCode(open.Grant, s, now), "%s", err)
	}
	g.add(&seenGrant{wire.GrantHash(open.Grant), grant, s.verifier.Keys[grant.KeyID]})
	return grant, nil
}

func (g *grants) checkSeen(open wire.Open, s *settings, now time.Time) (wire.Grant, *wire.Refusal) {
	if open.GrantHash == "" {
		return wire.Grant{}, refuse(wire.PhaseGrant, "grant-missing", "no grant was shown")
	}
	seen, ok := g.find(open.GrantHash)
	switch {
	case !ok:
		r := refuse(wire.PhaseGrant, codeGrantUnknown, "this grant was not shown in full on this tunnel, or is forgotten")
		r.UnknownGrant = true
		return wire.Grant{}, r
	case seen.grant.Application != open.Application:
		return wire.Grant{}, refuse(wire.PhaseGrant, "grant-refused", "the grant is for another application")
	case !bytes.Equal(s.verifier.Keys[seen.grant.KeyID], seen.key):
		return wire.Grant{}, refuse(wire.PhaseGrant, codeKeyUnknown, "the grant is signed by a key that this connector does not know")
	case !now.Add(-wire.GrantSkew).Before(seen.grant.Expires):
		return wire.Grant{}, refuse(wire.PhaseGrant, codeGrantExpired, "the grant has expired")
	}
	return seen.grant, nil
}

// The codes of refused grants that the other side acts upon.
const (
	codeGrantUnknown = "grant-unknown" // show it in full
	codeGrantExpired = "grant-expired" // ask for a new one
	codeKeyUnknown   = "grant-key-unknown"
)

// grantCode names the reason for which a grant was refused. It reads what nobody has verified and decides nothing.
func grantCode(text string, s *settings, now time.Time) string {
	first, _, _ := strings.Cut(text, ".")
	payload, err := base64.RawURLEncoding.DecodeString(first)
	var grant wire.Grant
	switch {
	case err != nil || json.Unmarshal(payload, &grant) != nil:
		return "grant-malformed"
	case s.verifier.Keys[grant.KeyID] == nil:
		return codeKeyUnknown
	case !now.Add(-wire.GrantSkew).Before(grant.Expires):
		return codeGrantExpired
	}
	return "grant-refused"
}
