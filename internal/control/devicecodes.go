package control

import (
	"context"
	"crypto/rand"
	"math/big"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/match"
	"postern/internal/session"
	"postern/internal/store"
)

// The bounds on programs that wait for somebody to allow them: strangers make them.
const (
	deviceLife     = 10 * time.Minute
	devicesAll     = 10_000
	devicesNetwork = 20
	// PollInterval is how often such a program may ask.
	PollInterval = 5 * time.Second
)

// DeviceRequest is what a program without a browser asks (RFC 8628, section 3.1).
type DeviceRequest struct {
	Client   string
	Resource string
	Scope    string
	Name     string // what the program calls its machine
}

// DeviceAnswer is what it gets.
type DeviceAnswer struct {
	Device  string // the code that it keeps
	User    string // the code that it shows
	Expires time.Duration
}

// BeginDevice notes that a program waits to be allowed.
func (c *Control) BeginDevice(ctx context.Context, by access.Actor, in DeviceRequest) (DeviceAnswer, error) {
	who, err := c.oauthClient(in.Client)
	if err != nil {
		return DeviceAnswer{}, err
	}
	if _, err := c.askProgram(who, in.Resource, in.Name); err != nil {
		return DeviceAnswer{}, err
	}
	if len(in.Scope) > 256 {
		return DeviceAnswer{}, oauthError("invalid_request", "scope is too long")
	}
	now := c.now()
	answer := DeviceAnswer{Device: c.instance.macs.Ticket(ticketDevice), User: newUserCode(), Expires: deviceLife}
	row := access.DeviceCode{
		Hash: session.Hash(answer.Device), UserHash: session.Hash(userCode(answer.User)), State: access.DevicePending, Client: who.id,
		Name: in.Name, Resource: in.Resource, Scope: grantedScope(in.Scope), Address: by.Address, Network: match.Network(addressOf(by)).String(),
		Created: now, Expires: now.Add(deviceLife),
	}
	err = c.store.Write(ctx, func(tx *store.Tx) error {
		all, here, err := tx.CountDeviceCodes(ctx, row.Network, now)
		switch {
		case err != nil:
			return err
		case here >= devicesNetwork:
			return fault.New(fault.KindLimited, "too many programs of your network wait to be allowed; try again in some minutes").After(time.Minute).Because(OAuthCode("temporarily_unavailable"))
		case all >= devicesAll:
			return fault.New(fault.KindLimited, "too many programs wait to be allowed; try again in some minutes").After(time.Minute).Because(OAuthCode("temporarily_unavailable"))
		}
		return tx.InsertDeviceCode(ctx, &row)
	})
	if err != nil {
		return DeviceAnswer{}, err
	}
	return answer, nil
}

// userLetters are those of the codes that people type: no vowels, so that no words come about, and
// none that look alike (RFC 8628, section 6.1). Eight of them are 34 bits, good for ten minutes and a
// handful of guesses.
const (
	userLetters    = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeLength = 8
)

func newUserCode() string {
	letters := make([]byte, userCodeLength)
	for i := range letters {
		n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(userLetters)))) // never fails: crypto/rand ends the program instead
		letters[i] = userLetters[n.Int64()]
	}
	return string(letters[:userCodeLength/2]) + "-" + string(letters[userCodeLength/2:])
}

// userCode gives a code as it was made, however a person types it; empty if it cannot be one.
func userCode(typed string) string {
	if len(typed) > 64 {
		return ""
	}
	code := strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToUpper(typed))
	if len(code) != userCodeLength || strings.Trim(code, userLetters) != "" {
		return ""
	}
	return code
}

var errDevice = fault.NotFound("this code is not known: it was mistyped, used already, or is older than ten minutes")

// DeviceAsk gives what to ask somebody who typed the code of a program. Guesses count.
func (c *Control) DeviceAsk(ctx context.Context, by access.Actor, who access.Principal, typed string) (ask ProgramAsk, err error) {
	err = c.guessed(ctx, by, who, func() error {
		var row access.DeviceCode
		err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
			row, err = tx.DeviceCode(ctx, session.Hash(userCode(typed)), c.now())
			return err
		})
		if err != nil || row.State != access.DevicePending {
			return orElse(orNil(err, errDevice), fault.KindNotFound, errDevice)
		}
		client, err := c.oauthClient(row.Client)
		if err != nil {
			return errDevice // the application is gone meanwhile
		}
		if ask, err = c.askProgram(client, row.Resource, row.Name); err != nil {
			return errDevice
		}
		code := userCode(typed)
		ask.Code = code[:userCodeLength/2] + "-" + code[userCodeLength/2:]
		ask.Address, ask.Strange = row.Address, row.Network != match.Network(addressOf(by)).String()
		return nil
	})
	tried := askedAbout(by, who)
	tried.Reason = reasonOfCode(err)
	c.turnedAway(ctx, tried, err)
	return ask, err
}

// orNil gives err, or the other one if err is nil.
func orNil(err, other error) error {
	if err == nil {
		return other
	}
	return err
}

// guessed counts a look at a code as a guess unless there is such a code.
func (c *Control) guessed(ctx context.Context, by access.Actor, who access.Principal, look func() error) error {
	attempt, err := c.beginGuess(ctx, c.deviceGuesses(), string(who.User), addressOf(by))
	if err != nil {
		return err
	}
	err = look()
	if !fault.Is(err, fault.KindNotFound) {
		attempt.Void(ctx)
	}
	return err
}

// DecideDevice allows or refuses the program whose code it is: its user has been asked.
func (c *Control) DecideDevice(ctx context.Context, by access.Actor, who access.Principal, typed string, allow bool) error {
	state := access.DeviceDenied
	if allow {
		state = access.DeviceAllowed
	}
	tried := askedAbout(by, who)
	var decided access.DeviceCode
	err := c.guessed(ctx, by, who, func() error {
		return c.store.Write(ctx, func(tx *store.Tx) (err error) {
			decided, err = tx.DecideDeviceCode(ctx, session.Hash(userCode(typed)), state, who.Session, c.now())
			return orElse(err, fault.KindNotFound, errDevice)
		})
	})
	if client, unknown := c.oauthClient(decided.Client); err == nil && unknown == nil && !allow {
		c.refusedProgram(ctx, tried, client)
	}
	tried.Reason = reasonOfCode(err)
	c.turnedAway(ctx, tried, err)
	return err
}

func reasonOfCode(err error) string {
	if fault.Is(err, fault.KindNotFound) {
		return access.ReasonWrongCode
	}
	return ""
}
