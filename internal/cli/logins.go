package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postern/internal/disk"
	"postern/internal/fault"
	"postern/internal/oauth"
)

// account is what login keeps of one service: where it is, trusted how, and either an API key or the
// sign-in of a person.
type account struct {
	Server  string          `json:"server"`
	Key     string          `json:"key,omitempty"`
	CA      string          `json:"ca,omitempty"` // PEM
	Issuer  string          `json:"issuer,omitempty"`
	Refresh string          `json:"refresh,omitempty"`
	Access  map[string]pass `json:"access,omitempty"` // by resource, "" for the admin API
}

// pass is a token that is good for some minutes.
type pass struct {
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
}

// logins are all that a user has, by the URL of their admin host.
type logins struct {
	Current  string             `json:"current"`
	Services map[string]account `json:"services"`
}

// accountPath is the file that login writes: in the user's own directory, never in the current one.
func accountPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find your configuration directory: %w", err)
	}
	return filepath.Join(dir, "postern", "login.json"), nil
}

func readLogins() (logins, error) {
	all := logins{Services: map[string]account{}}
	path, err := accountPath()
	if err != nil {
		return all, nil // no home: flags and environment must do
	}
	data, err := disk.ReadSecret(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return all, fmt.Errorf("read your sign-in: %w", err)
	}
	var kept logins
	if json.Unmarshal(data, &kept) != nil || len(kept.Services) == 0 {
		return all, fmt.Errorf("read your sign-in from %s: %w; sign in again with postern login", path, errDamaged)
	}
	return kept, nil
}

var errDamaged = errors.New("it is damaged")

// changeLogins changes what is kept. Commands that run at the same moment take turns.
func changeLogins(ctx context.Context, change func(*logins) error) (path string, err error) {
	path, err = accountPath()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("make the directory of your sign-in: %w", err)
	}
	lock, err := disk.Lock(ctx, path+".lock")
	if err != nil {
		return "", fmt.Errorf("wait for another postern that signs in: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	all, err := readLogins()
	if err != nil && !errors.Is(err, errDamaged) { // a damaged one is replaced
		return "", err
	}
	if err := change(&all); err != nil {
		return "", err
	}
	if len(all.Services) == 0 {
		err := disk.Remove(path)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return path, err
	}
	if _, ok := all.Services[all.Current]; !ok {
		all.Current = slices.Sorted(maps.Keys(all.Services))[0]
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write your sign-in: %w", err)
	}
	return path, disk.WriteFile(path, append(data, '\n'), 0o600)
}

// keep stores the account of a service and makes it the one that commands ask.
func keep(ctx context.Context, a account) (path string, err error) {
	return changeLogins(ctx, func(all *logins) error {
		all.Services[a.Server], all.Current = a, a.Server
		return nil
	})
}

// pick gives the account of a service, or of the one that login made current. A credential is never
// shown to another service than its own.
func (l logins) pick(server string) account {
	if server == "" {
		return l.Services[l.Current]
	}
	server = strings.TrimSuffix(server, "/")
	if a, ok := l.Services[server]; ok {
		return a
	}
	return account{Server: server}
}

// renewAhead is how long before its end a token is renewed: a command takes a while.
const renewAhead = time.Minute

// token gives an access token for a resource of the account's service, a new one if the last has
// ended. Of commands that run at once one renews, since a refresh token is good once.
func (a account) token(ctx context.Context, resource string) (string, error) {
	good := func(a account) bool { return time.Now().Before(a.Access[resource].Expires.Add(-renewAhead)) }
	if good(a) {
		return a.Access[resource].Token, nil
	}
	server := a.Server
	_, err := changeLogins(ctx, func(all *logins) error {
		now, ok := all.Services[server]
		if !ok || now.Refresh == "" {
			return fault.Unauthenticated("you have signed out of %s", server)
		}
		a = now
		if good(a) {
			return nil
		}
		got, err := a.refresh(ctx, resource)
		if err != nil {
			return err
		}
		if a.Access == nil {
			a.Access = map[string]pass{}
		}
		maps.DeleteFunc(a.Access, func(_ string, t pass) bool { return time.Now().After(t.Expires) })
		a.Refresh, a.Access[resource] = got.Refresh, pass{got.Access, got.Expires}
		all.Services[server] = a
		return nil
	})
	return a.Access[resource].Token, err
}

func (a account) refresh(ctx context.Context, resource string) (oauth.Tokens, error) {
	program, err := a.program(ctx)
	if err != nil {
		return oauth.Tokens{}, err
	}
	got, err := program.Refresh(ctx, a.Refresh, resource)
	if word, ok := errors.AsType[oauth.Error](err); ok && word == "invalid_grant" {
		return got, fault.Unauthenticated("your sign-in at %s is over: it was ended, or not used for too long", a.Server).Because(err)
	}
	return got, err
}
