package ldap

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/access"
	"postern/internal/fault"
)

// The reasons of a Refusal.
const (
	ReasonUnknown         = "nobody has that name"
	ReasonAmbiguous       = "more than one entry has that name"
	ReasonPassword        = "the password is wrong"
	ReasonDisabled        = "the account is disabled"
	ReasonExpired         = "the account has expired"
	ReasonLocked          = "the account is locked out"
	ReasonPasswordExpired = "the password has expired"
	ReasonMustChange      = "the password must be changed first"
	ReasonHours           = "sign-in is not allowed at this hour"
	ReasonWorkstation     = "sign-in is not allowed from here"
	ReasonTokens          = "the account is in too many groups"
	ReasonUnreadable      = "whether the account is disabled cannot be read"
)

// Refusal is why a directory's user is not let in. It is for the administrator's log: whoever signs
// in is told the same in all cases.
type Refusal struct {
	Reason string
	User   string // the entry's distinguished name; empty for a name that nobody has
	Detail string // what the directory said of it, or the attribute that says so
}

// Error gives the reason, the entry and the detail.
func (r *Refusal) Error() string {
	line := r.Reason
	if r.User != "" {
		line = r.User + ": " + line
	}
	if r.Detail != "" {
		line += " (" + r.Detail + ")"
	}
	return line
}

// words are those of the sign-in log.
var words = map[string]string{
	ReasonUnknown:         access.ReasonUnknownUser,
	ReasonAmbiguous:       access.ReasonAmbiguous,
	ReasonPassword:        access.ReasonWrongPassword,
	ReasonDisabled:        access.ReasonUserDisabled,
	ReasonUnreadable:      access.ReasonUserDisabled,
	ReasonExpired:         access.ReasonUserExpired,
	ReasonLocked:          access.ReasonLockedOut,
	ReasonPasswordExpired: access.ReasonPasswordOld,
	ReasonMustChange:      access.ReasonMustChange,
	ReasonHours:           access.ReasonRestricted,
	ReasonWorkstation:     access.ReasonRestricted,
	ReasonTokens:          access.ReasonRestricted,
}

// Word gives the reason as the sign-in log has it.
func (r *Refusal) Word() string { return words[r.Reason] }

// refused is the one answer to whoever is not let in: that of a wrong local password.
func refused(r *Refusal) error {
	return fault.Unauthenticated("the user name or the password is not right").Because(r)
}

// Active Directory says why in its message: "80090308: LdapErr: DSID-0C09042A, comment:
// AcceptSecurityContext error, data 52e, v3839". The numbers are Windows' error codes in hex.
var subCode = regexp.MustCompile(`(?i)\bdata ([0-9a-f]{1,8})\b`)

var subCodes = map[uint64]string{
	0x525: ReasonUnknown,
	0x52e: ReasonPassword,
	0x530: ReasonHours,
	0x531: ReasonWorkstation,
	0x532: ReasonPasswordExpired,
	0x533: ReasonDisabled,
	0x568: ReasonTokens,
	0x701: ReasonExpired,
	0x773: ReasonMustChange,
	0x775: ReasonLocked,
}

// answers says what the result codes mean with which a directory refuses a bind. Any other code is
// no answer about the user.
var answers = map[uint16]string{
	goldap.LDAPResultInvalidCredentials:          ReasonPassword,
	goldap.LDAPResultInappropriateAuthentication: ReasonPassword, // the entry has none
	goldap.LDAPResultNoSuchObject:                ReasonUnknown,
	goldap.LDAPResultInvalidDNSyntax:             ReasonUnknown,
	goldap.LDAPResultInsufficientAccessRights:    ReasonPassword,
	goldap.LDAPResultUnwillingToPerform:          ReasonDisabled, // 389 Directory Server: "Account inactivated"
	goldap.LDAPResultConstraintViolation:         ReasonLocked,   // 389 Directory Server: "Exceed password retry limit"
}

// The answers of a password policy (draft-behera-ldap-password-policy, section 6.2).
var policyAnswers = map[int8]string{
	0: ReasonPasswordExpired,
	1: ReasonLocked,
	2: ReasonMustChange,
}

// bindRefusal reads why a bind as a user was refused, nil if it was not. An error that says nothing
// about the user is not its business and given back.
func bindRefusal(dn string, result *goldap.SimpleBindResult, err error) (*Refusal, error) {
	policy := policyAnswer(result)
	if err == nil {
		if policy != "" {
			return &Refusal{Reason: policy, User: dn, Detail: "password policy"}, nil
		}
		return nil, nil
	}
	answer, ok := errors.AsType[*goldap.Error](err)
	if !ok {
		return nil, err
	}
	reason, about := answers[answer.ResultCode]
	if !about {
		return nil, err
	}
	r := &Refusal{Reason: reason, User: dn, Detail: fmt.Sprintf("result code %d", answer.ResultCode)}
	if message := answer.Err.Error(); message != "" {
		r.Detail += ": " + text(message)
		if code := subCode.FindStringSubmatch(message); code != nil {
			number, _ := strconv.ParseUint(code[1], 16, 32)
			if word, known := subCodes[number]; known {
				r.Reason = word
			}
		}
	}
	if policy != "" {
		r.Reason = policy
	}
	return r, nil
}

// policyAnswer gives the reason that a password policy adds to a bind's answer.
func policyAnswer(result *goldap.SimpleBindResult) string {
	if result == nil {
		return ""
	}
	for _, control := range result.Controls {
		switch control := control.(type) {
		case *goldap.ControlBeheraPasswordPolicy:
			if reason, ok := policyAnswers[control.Error]; ok {
				return reason
			}
		case *goldap.ControlVChuPasswordMustChange:
			if control.MustChange {
				return ReasonMustChange
			}
		}
	}
	return ""
}
