// Package identity checks who people are: passwords, and how often they may be tried.
//
// It stores nothing and knows no users. What a name that does not exist costs and answers is the
// same as for one that does, so nobody learns from it who has an account.
package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"postern/internal/fault"
)

// The lengths that a password may have, in characters.
const (
	MinPassword = 10
	MaxPassword = 256
)

// CheckPassword says what is wrong with a new password of the user with that sign-in name. Length
// is what counts (NIST SP 800-63B section 5.1.1.2); no mixture of characters is asked for.
func CheckPassword(password, name string) error {
	length := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password):
		return fault.Invalid("password", "must be valid text")
	case length < MinPassword:
		return fault.Invalid("password", "must be at least %d characters long", MinPassword)
	case length > MaxPassword:
		return fault.Invalid("password", "must be at most %d characters long", MaxPassword)
	case name != "" && strings.EqualFold(password, name):
		return fault.Invalid("password", "must not be the user name")
	case strings.Count(password, string([]rune(password)[:1])) == length:
		return fault.Invalid("password", "must not be one character again and again")
	}
	return nil
}

// Cost is what one hash costs (RFC 9106 section 3.1).
type Cost struct {
	Memory uint32 // KiB
	Time   uint32 // passes
	Lanes  uint8
}

// DefaultCost is the first of the OWASP Password Storage Cheat Sheet's settings that fits twice
// into 64 MiB, so that a few sign-ins at once do not need a large machine.
var DefaultCost = Cost{Memory: 19 << 10, Time: 2, Lanes: 1}

// What a stored hash may ask of this machine at most.
const (
	maxMemory = 256 << 10 // KiB
	maxTime   = 16
	maxLanes  = 16
)

const (
	saltSize = 16
	hashSize = 32
)

// Passwords hashes and checks passwords with argon2id. A bounded number runs at once and a bounded
// number waits, so that a flood of sign-ins takes neither all memory nor all processors.
type Passwords struct {
	cost    Cost
	running chan struct{}
	waiting chan struct{}
	wait    time.Duration
	nobody  string // the hash that stands in for a user who does not exist
}

// PasswordConfig holds a Passwords' settings. Every zero value works.
type PasswordConfig struct {
	Cost       Cost          // DefaultCost if zero
	Concurrent int           // hashes at once; half the processors, at least 2, if zero
	Waiting    int           // how many may wait beside; 64 if zero
	Wait       time.Duration // how long one waits at most; 5s if zero
}

// NewPasswords checks the settings and wires.
func NewPasswords(cfg PasswordConfig) *Passwords {
	if cfg.Cost == (Cost{}) {
		cfg.Cost = DefaultCost
	}
	if cfg.Concurrent <= 0 {
		cfg.Concurrent = max(2, runtime.GOMAXPROCS(0)/2)
	}
	if cfg.Waiting <= 0 {
		cfg.Waiting = 64
	}
	if cfg.Wait <= 0 {
		cfg.Wait = 5 * time.Second
	}
	p := &Passwords{
		cost:    cfg.Cost,
		running: make(chan struct{}, cfg.Concurrent),
		waiting: make(chan struct{}, cfg.Concurrent+cfg.Waiting),
		wait:    cfg.Wait,
	}
	salt := make([]byte, saltSize)
	rand.Read(salt)
	none := make([]byte, hashSize)
	rand.Read(none) // no password is known that gives it
	p.nobody = encode(cfg.Cost, salt, none)
	return p
}

// Hash gives the password's hash as a PHC string: $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	sum, err := p.derive(ctx, password, salt, p.cost)
	if err != nil {
		return "", err
	}
	return encode(p.cost, salt, sum), nil
}

// Check reports whether the password belongs to the hash. An empty hash, of a user who does not
// exist or has no password, costs as much as any and is never right. stale says that the hash was
// made at another cost and should be made anew.
func (p *Passwords) Check(ctx context.Context, hash, password string) (good, stale bool, err error) {
	nobody := hash == ""
	if nobody {
		hash = p.nobody
	}
	cost, salt, want, err := decode(hash)
	if err != nil {
		return false, false, fault.Internal(err, "read a stored password hash")
	}
	if len(password) > 4*MaxPassword {
		password = password[:4*MaxPassword+1] // too long to be right; bounds the work
	}
	got, err := p.derive(ctx, password, salt, cost)
	if err != nil {
		return false, false, err
	}
	good = subtle.ConstantTimeCompare(got, want) == 1 && !nobody
	return good, good && cost != p.cost, nil
}

// derive runs argon2id within the bounds. The password is normalised first (NFC), because
// keyboards of different systems send the same letters in different forms.
func (p *Passwords) derive(ctx context.Context, password string, salt []byte, cost Cost) ([]byte, error) {
	busy := fault.New(fault.KindLimited, "too many people are signing in at this moment; please try again in a few seconds").After(p.wait)
	select {
	case p.waiting <- struct{}{}:
	default:
		return nil, busy
	}
	defer func() { <-p.waiting }()
	timer := time.NewTimer(p.wait)
	defer timer.Stop()
	select {
	case p.running <- struct{}{}:
	case <-timer.C:
		return nil, busy
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-p.running }()
	return argon2.IDKey([]byte(norm.NFC.String(password)), salt, cost.Time, cost.Memory, cost.Lanes, hashSize), nil
}

func encode(c Cost, salt, sum []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.Memory, c.Time, c.Lanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
}

func decode(phc string) (c Cost, salt, sum []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, fmt.Errorf("not an argon2id hash of version %d", argon2.Version)
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.Memory, &c.Time, &c.Lanes); err != nil {
		return c, nil, nil, fmt.Errorf("read its parameters: %w", err)
	}
	if c.Memory == 0 || c.Memory > maxMemory || c.Time == 0 || c.Time > maxTime || c.Lanes == 0 || c.Lanes > maxLanes {
		return c, nil, nil, fmt.Errorf("its parameters are out of bounds: %s", parts[3])
	}
	salt, err = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	if err != nil || len(salt) < 8 || len(salt) > 64 {
		return c, nil, nil, fmt.Errorf("its salt is damaged")
	}
	sum, err = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if err != nil || len(sum) != hashSize {
		return c, nil, nil, fmt.Errorf("its hash is damaged")
	}
	return c, salt, sum, nil
}
