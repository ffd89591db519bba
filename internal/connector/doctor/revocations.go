package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"postern/internal/dial"
)

const (
	pathRevocations = "/.postern/crl"
	maxRevocations  = 16 << 20 // bytes
)

// revocations looks at the list that whoever checks our certificates reads: over port 80, or, where the service has
// another port than usual, over TLS. Its signature is not checked here: nobody acts on it.
func (s section) revocations(ctx context.Context, host, port string) {
	if s.x.cred == nil {
		return
	}
	at := url.URL{Scheme: "http", Host: host, Path: pathRevocations}
	if port != "443" {
		at.Scheme, at.Host = "https", host+":"+port
	}
	list, err := s.fetch(ctx, at.String())
	if err != nil {
		s.found("revocations-unreachable", at.String(), "%s", err)
		return
	}
	for _, entry := range list.RevokedCertificateEntries {
		if entry.SerialNumber.Cmp(s.x.cred.Leaf.SerialNumber) == 0 {
			s.found("certificate-revoked", s.x.cred.Serial, "revoked at %s", entry.RevocationTime.UTC().Format(time.RFC3339))
			return
		}
	}
	s.found("revocations", at.String(), "%d certificates are on it, this one is not; the next one comes before %s", len(list.RevokedCertificateEntries),
		list.NextUpdate.UTC().Format(time.RFC3339))
}

func (s section) fetch(ctx context.Context, at string) (*x509.RevocationList, error) {
	ctx, cancel := context.WithTimeout(ctx, nameTime)
	defer cancel()
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // the service's own authority may do
	}
	roots.AppendCertsFromPEM(s.x.cred.Connection.Roots)
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dial.Context, DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %d", answer.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxRevocations))
	if err != nil {
		return nil, err
	}
	return x509.ParseRevocationList(data)
}
