package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/api"
)

func authority() *cobra.Command {
	c := &cobra.Command{Use: "ca", Aliases: []string{"authority"}, Short: "The service's own certificate authority: how it is, and exchanging it",
		Long: `The service's own certificate authority: how it is, and exchanging it.

Its root is what connectors pin. An exchange has three steps: ca rotate makes a new root beside the
one in force, and nothing stops working; every connector is told and renews by itself; ca rotate
--finish retires the old root, and refuses while somebody would be cut off. ca status shows who.`}
	connectFlags(c)
	outputFlag(c)
	c.AddCommand(authorityStatus(), authorityRotate())
	return c
}

func authorityStatus() *cobra.Command {
	return &cobra.Command{Use: "status", Aliases: []string{"show"}, Short: "Show roots, issuing certificate, signing keys, and who has not followed an exchange", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			how, client, err := begin(c)
			if err != nil {
				return err
			}
			found, err := client.Authority(c.Context())
			if err != nil {
				return err
			}
			return printAuthority(c, how, found)
		}}
}

func authorityRotate() *cobra.Command {
	c := &cobra.Command{Use: "rotate", Short: "Begin to exchange the root, or finish that", Args: cobra.NoArgs,
		Long: `Begin to exchange the root of the service's own certificate authority, or finish that with --finish.

Between the two, gateways prove themselves by either root, and connectors renew one after the other
by themselves: mostly within a minute, and who is away when it comes back. Browsers and command lines
that trust ca.pem need the new file before the end.

--issuing makes only a new issuing certificate under the same root; connectors notice nothing.`,
		Example: "  postern ca rotate\n  postern ca status\n  postern ca rotate --finish"}
	c.Flags().Bool("finish", false, "retire the root before")
	c.Flags().Bool("force", false, "finish also if that cuts somebody off: they must be enrolled again")
	c.Flags().Bool("issuing", false, "make only a new issuing certificate")
	c.Flags().Bool("yes", false, "do not ask")
	c.MarkFlagsMutuallyExclusive("finish", "issuing")
	c.RunE = func(c *cobra.Command, _ []string) error {
		finish, _ := c.Flags().GetBool("finish") // flags that exist
		force, _ := c.Flags().GetBool("force")
		issuing, _ := c.Flags().GetBool("issuing")
		if force && !finish {
			return usage("--force goes with --finish")
		}
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		question := "Make a new root beside the one in force?"
		do := client.ExchangeRoot
		switch {
		case issuing:
			question, do = "Make a new issuing certificate?", client.RotateIssuing
		case finish:
			question = "Retire the root before?"
			do = func(ctx context.Context) (api.Authority, error) {
				return client.FinishExchange(ctx, api.AuthorityFinish{Force: force})
			}
		}
		if err := confirm(c, question); err != nil {
			return err
		}
		found, err := do(c.Context())
		if err != nil {
			return err
		}
		return printAuthority(c, how, found)
	}
	return c
}

func printAuthority(c *cobra.Command, how string, a api.Authority) error {
	w := c.OutOrStdout()
	switch how {
	case "json", "yaml":
		return encode(w, how, a)
	case "name":
		for _, r := range a.Roots {
			fmt.Fprintln(w, cell(r.Fingerprint))
		}
		return nil
	}
	now := time.Now()
	rows := [][]string{}
	for i, r := range a.Roots {
		what := "root in force"
		if i > 0 {
			what = "next root"
		} else if len(a.Roots) > 1 {
			what = "root before"
		}
		rows = append(rows, []string{what, cell(r.Fingerprint), ago(now, r.NotAfter)})
	}
	rows = append(rows, []string{"issuing certificate", cell(a.Issuing.Fingerprint), ago(now, a.Issuing.NotAfter)})
	for _, k := range a.Keys {
		state := "signs"
		switch {
		case k.From.After(now):
			state = "signs " + ago(now, k.From)
		case !k.Until.IsZero():
			state = "ends " + ago(now, k.Until)
		}
		rows = append(rows, []string{"key of " + cell(k.Use), cell(k.ID), state})
	}
	if err := table(w, []string{"WHAT", "ID", "ENDS"}, rows); err != nil {
		return err
	}
	return printExchange(w, now, a.Exchange)
}

func printExchange(w io.Writer, now time.Time, x *api.AuthorityExchange) error {
	if x == nil {
		return nil
	}
	fmt.Fprintf(w, "\nThe root is being exchanged since %s.\n", x.Started.UTC().Format("2006-01-02 15:04 UTC"))
	if len(x.Waiting)+len(x.Tokens)+x.Devices == 0 {
		fmt.Fprintln(w, "Every connector has followed, and every device: postern ca rotate --finish retires the old root.")
		return nil
	}
	rows := [][]string{}
	for _, k := range x.Waiting {
		why := "has not renewed yet"
		if k.Disabled {
			why = "is disabled, so it cannot renew: enable or delete it"
		}
		rows = append(rows, []string{"connector", cell(k.Name), cell(k.ID), ago(now, k.LastSeen), why})
	}
	for _, t := range x.Tokens {
		rows = append(rows, []string{"token", cell(t.Name), cell(t.ID), "-", "names the old root; expires " + ago(now, t.Expires)})
	}
	if x.Devices > 0 {
		rows = append(rows, []string{"devices", strconv.Itoa(x.Devices), "-", "-", "have a certificate of before; they renew by themselves when they are used"})
	}
	fmt.Fprintln(w, "Finishing now would cut off:")
	fmt.Fprintln(w)
	return table(w, []string{"KIND", "NAME", "ID", "LAST SEEN", "WHY"}, rows)
}

// rotateKeys is the parent of what rotates the service's own keys; the program adds the master key's.
func rotateKeys() *cobra.Command {
	c := &cobra.Command{Use: "rotate", Short: "Rotate the service's own keys: master, grants, sessions, id-tokens",
		Long: `Rotate the service's own keys. Nobody is signed out, no connector refuses anything, and every
replica follows by itself.`}
	for use, what := range map[string]string{
		"grants":    "the key that signs what connectors let through",
		"sessions":  "the key of the cookies with which people stay signed in",
		"id-tokens": "the key of the ID tokens that tell programs who signed in",
	} {
		c.AddCommand(&cobra.Command{Use: use, Short: "Rotate " + what, Args: cobra.NoArgs,
			Long: "Rotate " + what + ".\n\nThe new key signs from two minutes later on, when everybody knows it; the old one stays good until\nthe last thing that it signed is over.",
			RunE: func(c *cobra.Command, _ []string) error {
				how, client, err := begin(c)
				if err != nil {
					return err
				}
				key, err := client.RotateKey(c.Context(), api.SigningKeyInput{Use: use})
				if err != nil {
					return err
				}
				if how == "json" || how == "yaml" {
					return encode(c.OutOrStdout(), how, key)
				}
				fmt.Fprintf(c.OutOrStdout(), "The key %s signs from %s on.\n", cell(key.ID), key.From.UTC().Format("15:04:05 UTC"))
				return nil
			}})
	}
	return c
}
