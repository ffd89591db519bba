package cli

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/disk"
	"postern/internal/fault"
)

func certificates() noun[api.Certificate] {
	n := noun[api.Certificate]{
		use: "certificates", single: "certificate", aliases: []string{"certificate", "certs", "cert"}, prefix: access.PrefixCertificate,
		short: "Certificates of the public side, by domain",
		name:  func(p api.Certificate) string { return p.Domain },
		columns: []column[api.Certificate]{
			{"DOMAIN", func(_ *view, p api.Certificate) string { return p.Domain }},
			{"ISSUER", func(_ *view, p api.Certificate) string { return p.Issuer }},
			{"EXPIRES", func(v *view, p api.Certificate) string { return v.ago(p.NotAfter) }},
			{"CHANGED", func(v *view, p api.Certificate) string { return v.ago(p.Updated) }},
		},
		filters: []filter{{"expired", "expired", "only those that have ended (true), or that have not (false)", either}},
		examples: map[string]string{
			"show":   "  postern certificates show wiki.example.com",
			"delete": "  postern certificates delete wiki.example.com",
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.Certificate, error] {
			return c.Certificates.All
		},
		find: func(ctx context.Context, client *api.Client, domain string) (api.Certificate, error) {
			if strings.TrimSpace(domain) == "" {
				return api.Certificate{}, usage("the domain must not be empty")
			}
			return client.Certificates.Show(ctx, domain)
		},
		more: []*cobra.Command{putCertificate()},
	}
	n.remove = func(c *api.Client) func(context.Context, string, int64) error {
		return func(ctx context.Context, id string, version int64) error {
			for found, err := range c.Certificates.All(ctx, whole) {
				if err != nil {
					return err
				}
				if found.ID == id {
					return c.Certificates.Delete(ctx, found.Domain, version)
				}
			}
			return nil // somebody else deleted it
		}
	}
	return n
}

func putCertificate() *cobra.Command {
	c := &cobra.Command{Use: "put DOMAIN --chain FILE --private-key FILE", Short: "Add or replace the certificate of a domain", Args: cobra.ExactArgs(1),
		Example: "  postern certificates put wiki.example.com --chain fullchain.pem --private-key privkey.pem\n" +
			"  postern certificates put '*.example.com' --chain fullchain.pem --private-key privkey.pem"}
	chain := c.Flags().String("chain", "", "PEM `file` with the certificates, the domain's own first (required)")
	key := c.Flags().String("private-key", "", "PEM `file` with the private key (required)")
	c.RunE = func(c *cobra.Command, args []string) error {
		n := certificates()
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		in, err := readPair(c, *chain, *key)
		if err != nil {
			return err
		}
		var version int64
		found, err := n.find(c.Context(), client, args[0])
		if err == nil {
			version = found.Version
		} else if !fault.Is(err, fault.KindNotFound) {
			return err
		}
		put, err := client.Certificates.Put(c.Context(), args[0], version, in)
		if err != nil {
			return renamed(err, func(member string) string {
				if flag, ok := map[string]string{"chain": "--chain", "key": "--private-key", "domain": "DOMAIN"}[member]; ok {
					return flag
				}
				return member
			})
		}
		return n.print(c, how, client, put)
	}
	return c
}

func readPair(c *cobra.Command, chain, key string) (api.CertificateInput, error) {
	var in api.CertificateInput
	if chain == "" || key == "" {
		return in, usage("--chain and --private-key must both be given")
	}
	if chain == "-" && key == "-" {
		return in, usage("--chain and --private-key cannot both come from standard input")
	}
	var err error
	if in.Chain, err = readText(c, "--chain", chain, maxFile/2); err != nil {
		return in, err
	}
	if in.Key, err = readText(c, "--private-key", key, maxFile/4); err != nil {
		return in, err
	}
	if key != "-" && disk.CheckSecret(key) != nil {
		fmt.Fprintf(c.ErrOrStderr(), "Warning: other users of this machine can read or change %s.\n", cell(key))
	}
	return in, nil
}
