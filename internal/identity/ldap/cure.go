package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// cureOfTLS says what to do about a handshake that failed.
func cureOfTLS(err error, host string) string {
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		cure := "Give the certificate of the authority that signed the directory's certificate as ca."
		if unknown.Cert != nil && unknown.Cert.Issuer.String() != "" {
			cure += " It is issued by " + text(unknown.Cert.Issuer.String()) + "."
		}
		return cure
	}
	if wrong, ok := errors.AsType[x509.HostnameError](err); ok {
		names := "no name at all"
		if wrong.Certificate != nil && len(wrong.Certificate.DNSNames) > 0 {
			names = text(strings.Join(wrong.Certificate.DNSNames, ", "))
		}
		return fmt.Sprintf("Name the directory in urls as its certificate does (%s), or give it a certificate for %s.", names, host)
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		cure := "Renew the directory's certificate, or set the clocks of both machines."
		if invalid.Cert != nil {
			cure += fmt.Sprintf(" It is valid from %s to %s.", invalid.Cert.NotBefore.UTC().Format(time.DateTime), invalid.Cert.NotAfter.UTC().Format(time.DateTime))
		}
		return cure
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "What answers there speaks no TLS: use the port of ldaps (636), or ldap:// with startTls."
	}
	if strings.Contains(err.Error(), "negative serial") {
		return "Its certificate has a negative serial number, as Samba makes for itself: give the directory a proper certificate."
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "The directory did not answer the TLS handshake in time: check its load, and firewalls that inspect TLS."
	}
	return "Check that this is the port of ldaps (636, of the global catalogue 3269), that the directory has a certificate, and that it speaks TLS 1.2 or newer."
}

// cureOfBind says what to do about a bind that got no answer about the user.
func cureOfBind(err error) string {
	switch {
	case goldap.IsErrorWithCode(err, goldap.LDAPResultInvalidCredentials):
		return "Check bindDn and its password, and that the account is neither disabled nor expired."
	case goldap.IsErrorAnyOf(err, goldap.LDAPResultStrongAuthRequired, goldap.LDAPResultConfidentialityRequired):
		return "The directory takes passwords only over TLS: use ldaps:// or startTls."
	case goldap.IsErrorAnyOf(err, goldap.LDAPResultInvalidDNSyntax, goldap.LDAPResultNoSuchObject):
		return "Check bindDn: the directory does not know such a name."
	case goldap.IsErrorAnyOf(err, goldap.LDAPResultAuthMethodNotSupported, goldap.LDAPResultInappropriateAuthentication):
		return "Let the directory allow simple binds over TLS."
	case goldap.IsErrorWithCode(err, goldap.LDAPResultReferral):
		return "Referrals are not followed: name the server that holds the entry."
	}
	return "Look into the directory's log."
}

// cureOfSearch says what to do about a search that failed.
func cureOfSearch(err error, q *query) string {
	switch {
	case goldap.IsErrorWithCode(err, goldap.LDAPResultNoSuchObject):
		return fmt.Sprintf("There is no %q, or the bind account may not see it: check baseDn, groupBase and the account's rights.", q.base)
	case goldap.IsErrorAnyOf(err, goldap.LDAPResultInsufficientAccessRights, goldap.LDAPResultOperationsError, goldap.LDAPResultStrongAuthRequired):
		return "Give bindDn and its password, and let that account search below " + q.base + "."
	case goldap.IsErrorWithCode(err, goldap.LDAPResultInvalidDNSyntax):
		return "Check that baseDn and groupBase are distinguished names."
	case goldap.IsErrorAnyOf(err, goldap.LDAPResultTimeLimitExceeded, goldap.LDAPResultAdminLimitExceeded):
		return "The search takes the directory too long: narrow baseDn, groupBase or the filters, or index what they ask for."
	case errors.Is(err, errReferral):
		return "Referrals are not followed: name the server that holds " + q.base + ", or Active Directory's global catalogue (port 3269)."
	}
	return "Look into the directory's log."
}
