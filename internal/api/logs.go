package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// SignIn tells of one attempt to sign in or to use an application.
type SignIn struct {
	ID              string   `json:"id" doc:"Names the entry for ever."`
	Time            Time     `json:"time" doc:"When it was."`
	Event           string   `json:"event" enum:"sign-in,confirm,hand-over,access,refresh,key,sign-out" doc:"What was tried: to sign in, to confirm it once more, to be handed over to an application, to use one, to renew a program's tokens, to use a key; or a session that ended."`
	Result          string   `json:"result" enum:"success,failure,denied,interrupted" doc:"What came of it: failure when who it is was not proven, denied when it was and the answer is no, interrupted when another proof is asked for."`
	Reason          string   `json:"reason,omitempty" doc:"Why it did not succeed, a stable word." example:"wrong-password"`
	Message         string   `json:"message,omitempty" doc:"The same in a sentence."`
	User            string   `json:"user,omitempty" doc:"The user's id; absent for somebody unknown, whose name is not kept: it may be a password."`
	UserName        string   `json:"userName,omitempty" doc:"The user's name at that time."`
	Application     string   `json:"application,omitempty" doc:"The application's id."`
	ApplicationName string   `json:"applicationName,omitempty" doc:"The application's name at that time."`
	Upstream        string   `json:"upstream,omitempty" doc:"The upstream that was asked; absent for a local account."`
	UpstreamName    string   `json:"upstreamName,omitempty" doc:"Its name at that time."`
	Methods         []string `json:"methods" doc:"The proofs that were good (RFC 8176): pwd, otp, pop, user, recovery, or what an upstream says."`
	Policy          string   `json:"policy,omitempty" doc:"The policy that said no."`
	ReportOnly      []string `json:"reportOnly" doc:"The policies that only report and would have said no."`
	Session         string   `json:"session,omitempty" doc:"The session."`
	Address         string   `json:"address,omitempty" doc:"The network address it came from."`
	UserAgent       string   `json:"userAgent,omitempty" doc:"What the browser or program calls itself."`
	Request         string   `json:"request,omitempty" doc:"The reference of the request."`
	Gateway         string   `json:"gateway,omitempty" doc:"The gateway that denied."`
	Client          string   `json:"client,omitempty" doc:"The program that was signed in, or the access key."`
	Unrecorded      int      `json:"unrecorded,omitempty" doc:"How many entries before it had no room: strangers may not fill the log."`
}

// SignInOptions asks for a part of the sign-in log.
type SignInOptions struct {
	ListOptions
	User, Application, Event, Result, Reason, Address, Request string
	From, To                                                   time.Time
	Oldest                                                     bool // the oldest first
}

// Options turns it into what List and All take.
func (o SignInOptions) Options() ListOptions {
	f := url.Values{}
	for name, value := range map[string]string{"user": o.User, "application": o.Application, "event": o.Event, "result": o.Result,
		"reason": o.Reason, "address": o.Address, "request": o.Request} {
		if value != "" {
			f.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"from": o.From, "to": o.To} {
		if !at.IsZero() {
			f.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	if o.Oldest {
		f.Set("order", "oldest")
	}
	o.Filter = f
	return o.ListOptions
}

// AuditRecord is an entry of the audit log as it is chained.
type AuditRecord struct {
	Seq       uint64    `json:"seq" doc:"Its place in the log, from 1."`
	ID        string    `json:"id" doc:"Names the entry for ever."`
	Version   uint64    `json:"version" doc:"The configuration version that the change made; 0 when it made none."`
	Time      Time      `json:"time" doc:"When it was, to the microsecond."`
	ActorKind string    `json:"actorKind" doc:"What sort of party did it."`
	Actor     string    `json:"actor" doc:"Its id."`
	Roles     []string  `json:"roles" doc:"The roles it had."`
	Request   string    `json:"request" doc:"The reference of the request."`
	Action    string    `json:"action" doc:"What was done."`
	Object    string    `json:"object" doc:"To which object, by id."`
	Outcome   string    `json:"outcome" doc:"Whether it was done or refused."`
	Adopted   bool      `json:"adopted" doc:"Whether the entry was written by a program that knew no chain, and joined it later."`
	Who       AuditPart `json:"who" doc:"The actor's name and address."`
	What      AuditPart `json:"what" doc:"The object's name and the detail."`
	Hash      string    `json:"hash" doc:"SHA-256 of the entry and the hash before."`
	Signature string    `json:"signature" doc:"Ed25519 over the place and the hash."`
}

// AuditPart is what can be erased of an entry.
type AuditPart struct {
	Salt   string   `json:"salt" doc:"Hexadecimal; empty when the values were erased."`
	Values []string `json:"values" doc:"The values."`
	Sum    string   `json:"sum" doc:"HMAC-SHA-256 of the values under the salt, which stays when they are erased."`
}

// AuditHead is the end of the audit log's chain, or where its beginning was removed.
type AuditHead struct {
	Seq       uint64 `json:"seq" doc:"The entry's place; 0 for none."`
	Hash      string `json:"hash" doc:"Its hash."`
	Signature string `json:"signature" doc:"The signature of both."`
	Time      Time   `json:"time" doc:"When the entry was."`
}

// AuditChain says where the audit log's chain begins and ends. Keep it outside the service to find out later whether
// the log still holds what it held.
type AuditChain struct {
	Key     string    `json:"key" doc:"The public key of its signatures, Ed25519, hexadecimal."`
	Head    AuditHead `json:"head" doc:"The last entry."`
	Trimmed AuditHead `json:"trimmed" doc:"The last entry that was removed because it was old."`
}

// AuditReport says what a verification of the audit log found.
type AuditReport struct {
	Good    bool          `json:"good" doc:"Whether the log is whole."`
	Key     string        `json:"key" doc:"The public key of its signatures, Ed25519, hexadecimal."`
	Entries uint64        `json:"entries" doc:"How many entries were checked."`
	First   uint64        `json:"first" doc:"The place of the first."`
	Last    uint64        `json:"last" doc:"The place of the last."`
	Trimmed uint64        `json:"trimmed" doc:"Entries up to this place were removed because they were old."`
	Adopted uint64        `json:"adopted" doc:"How many joined the chain after they were written."`
	Erased  uint64        `json:"erased" doc:"How many lack personal fields."`
	Head    AuditHead     `json:"head" doc:"The last entry."`
	Problem *AuditProblem `json:"problem,omitempty" doc:"The first thing that is wrong."`
	Next    string        `json:"next,omitempty" doc:"There is more to verify: ask again with this as part. Until it is absent, good is false."`
}

// AuditProblem is the first thing that is wrong with the audit log.
type AuditProblem struct {
	Seq    uint64 `json:"seq" doc:"The place of the first bad entry."`
	ID     string `json:"id,omitempty" doc:"Its id, if there is such an entry."`
	Reason string `json:"reason" doc:"What is wrong with it."`
}

// Erased says what was erased of a user.
type Erased struct {
	Audit   int64 `json:"audit" doc:"How many entries of the audit log lost personal fields."`
	SignIns int64 `json:"signIns" doc:"How many entries of the sign-in log did."`
	Deleted bool  `json:"deleted" doc:"Whether the user was still there and was deleted too."`
}

// Chain says where the audit log's chain begins and ends.
func (n Audit) Chain(ctx context.Context) (AuditChain, error) {
	var out AuditChain
	err := n.c.do(ctx, call{method: http.MethodGet, path: []string{"audit", "chain"}, out: &out})
	return out, err
}

// Records gives entries as they are chained, from behind a place.
func (n Audit) Records(ctx context.Context, after uint64, limit int) ([]AuditRecord, error) {
	var out List[AuditRecord]
	q := url.Values{"after": {strconv.FormatUint(after, 10)}, "limit": {strconv.Itoa(limit)}}
	err := n.c.do(ctx, call{method: http.MethodGet, path: []string{"audit", "records"}, query: q, out: &out})
	return out.Items, err
}

// Verify has the service verify its audit log, and that it holds the entries whose "place:hash" were kept.
func (n Audit) Verify(ctx context.Context, kept ...string) (AuditReport, error) {
	var out AuditReport
	q := url.Values{}
	if len(kept) > 0 {
		q.Set("heads", strings.Join(kept, ","))
	}
	for { // a long log takes several answers
		out = AuditReport{}
		err := n.c.do(ctx, call{method: http.MethodGet, path: []string{"audit", "verify"}, query: q, out: &out})
		if err != nil || out.Next == "" {
			return out, err
		}
		q.Set("part", out.Next)
	}
}

// Erase erases what tells of a user, who is deleted if still there.
func (n Users) Erase(ctx context.Context, id string) (Erased, error) {
	var out Erased
	err := n.reads.c.do(ctx, call{method: http.MethodPost, path: []string{n.reads.path, id, "erase"}, out: &out})
	return out, err
}
