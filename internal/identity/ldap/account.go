package ldap

import (
	"strconv"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// What is read of an entry to know the state of its account.
var (
	adState = []string{
		"userAccountControl", "msDS-User-Account-Control-Computed", "accountExpires", "lockoutTime", "pwdLastSet", "primaryGroupID", "objectSid",
	}
	anyState = []string{
		"memberOf", "gidNumber", "nsAccountLock", "shadowExpire", "pwdAccountLockedTime", "pwdReset", "loginDisabled", "krbPrincipalExpiration",
		"pwdEndTime",
	}
)

// Flags of userAccountControl and its computed companion ([MS-ADTS] sections 2.2.16 and 3.1.1.4.5.17).
const (
	uacDisabled        = 0x2
	uacLockedOut       = 0x10
	uacNeverExpires    = 0x10000
	uacPasswordExpired = 0x800000
)

// refusal says why an account may not be used although its password may be right, nil if it may.
func (k *kind) refusal(entry *goldap.Entry, now time.Time) *Refusal {
	check := anyRefusal
	if k.set.ActiveDirectory {
		check = adRefusal
	}
	reason, attribute := check(attributes{entry}, now)
	if reason == "" {
		return nil
	}
	return &Refusal{Reason: reason, User: entry.DN, Detail: "attribute " + attribute}
}

// attributes reads values of an entry.
type attributes struct{ entry *goldap.Entry }

func (a attributes) text(name string) string { return a.entry.GetEqualFoldAttributeValue(name) }

func (a attributes) number(name string) (n int64, ok bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(a.text(name)), 10, 64)
	return n, err == nil
}

func (a attributes) yes(name string) bool { return strings.EqualFold(a.text(name), "TRUE") }

func adRefusal(a attributes, now time.Time) (reason, attribute string) {
	flags, ok := a.number("userAccountControl")
	if !ok {
		// Without it a disabled account would look like any other.
		return ReasonUnreadable, "userAccountControl, which the bind account must be allowed to read"
	}
	computed, _ := a.number("msDS-User-Account-Control-Computed")
	expires, _ := a.number("accountExpires")
	set, known := a.number("pwdLastSet")
	switch {
	case flags&uacDisabled != 0:
		return ReasonDisabled, "userAccountControl"
	case expires > 0 && expires < never && fileTime(expires).Before(now):
		return ReasonExpired, "accountExpires"
	case known && set == 0 && flags&uacNeverExpires == 0:
		return ReasonMustChange, "pwdLastSet"
	case computed&uacPasswordExpired != 0:
		return ReasonPasswordExpired, "msDS-User-Account-Control-Computed"
	case computed&uacLockedOut != 0:
		return ReasonLocked, "msDS-User-Account-Control-Computed"
	}
	return "", ""
}

// never is an accountExpires that means so; 0 does, too.
const never = 1<<63 - 1

// fileTime reads Windows' time: steps of 100 ns since 1601.
func fileTime(n int64) time.Time {
	const unix = 116444736000000000
	return time.Unix((n-unix)/10_000_000, (n-unix)%10_000_000*100)
}

func anyRefusal(a attributes, now time.Time) (reason, attribute string) {
	// 389 Directory Server and FreeIPA, Novell's, and the permanent lock of a password policy. Any
	// other time of pwdAccountLockedTime ends by itself; until then the directory refuses the password.
	const forGood = "000001010000Z"
	switch locked := a.text("pwdAccountLockedTime"); {
	case a.yes("nsAccountLock"):
		return ReasonDisabled, "nsAccountLock"
	case a.yes("loginDisabled"):
		return ReasonDisabled, "loginDisabled"
	case locked == forGood:
		return ReasonDisabled, "pwdAccountLockedTime"
	case a.yes("pwdReset"):
		return ReasonMustChange, "pwdReset"
	}
	// -1 and an absent value mean never; 0 is the first day of 1970, as sssd reads it.
	if days, ok := a.number("shadowExpire"); ok && days >= 0 && days < 1<<31 && !now.Before(time.Unix(days*24*60*60, 0)) {
		return ReasonExpired, "shadowExpire"
	}
	for _, name := range []string{"krbPrincipalExpiration", "pwdEndTime"} {
		if end, ok := generalizedTime(a.text(name)); ok && !now.Before(end) {
			return ReasonExpired, name
		}
	}
	return "", ""
}

// generalizedTime reads the common forms of RFC 4517, section 3.3.13.
func generalizedTime(text string) (time.Time, bool) {
	for _, layout := range []string{"20060102150405Z", "20060102150405.999999999Z", "200601021504Z", "20060102150405-0700", "200601021504-0700"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
