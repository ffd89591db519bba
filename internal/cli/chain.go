package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/audit"
	"postern/internal/fault"
)

// auditRecords prints the audit log as it is chained, one entry on a line, for verification elsewhere.
func auditRecords() *cobra.Command {
	c := &cobra.Command{Use: "records", Short: "Print the audit log as it is chained, as JSON lines, the oldest entry first", Args: cobra.NoArgs,
		Long: "Print the audit log as it is chained, as JSON lines, the oldest entry first. The first line says where the chain begins and ends\n" +
			"and with which key it is signed. `postern audit verify --file` verifies what this prints, without the service.",
		Example: "  postern audit records > audit.jsonl"}
	c.RunE = func(c *cobra.Command, _ []string) error {
		_, client, err := begin(c)
		if err != nil {
			return err
		}
		chain, err := client.Audit.Chain(c.Context())
		if err != nil {
			return err
		}
		out := bufio.NewWriter(c.OutOrStdout())
		lines := json.NewEncoder(out)
		if err := lines.Encode(chain); err != nil {
			return fmt.Errorf("print: %w", err)
		}
		err = records(c.Context(), client, chain, func(r api.AuditRecord) error {
			if r.Seq > chain.Head.Seq {
				return nil
			}
			return lines.Encode(r)
		})
		return errors.Join(err, out.Flush())
	}
	return c
}

// records goes through the chain from its beginning to the end that it had when that was asked.
func records(ctx context.Context, client *api.Client, chain api.AuditChain, do func(api.AuditRecord) error) error {
	for after := chain.Trimmed.Seq; after < chain.Head.Seq; {
		page, err := client.Audit.Records(ctx, after, api.MaxPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, r := range page {
			if err := do(r); err != nil {
				return err
			}
		}
		after = page[len(page)-1].Seq
	}
	return nil
}

// verifyFlags say what is verified.
type verifyFlags struct {
	heads     []string
	file, key string
}

func auditVerify() *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{Use: "verify", Short: "Verify that no audit entry was changed, added, removed or reordered", Args: cobra.NoArgs,
		Long: "Verify that no audit entry was changed, added, removed or reordered. It reads the whole log and checks here, not at the service, that\n" +
			"each entry is chained to the one before and signed. The exit code is 3 if something is wrong, and the first bad entry is named.\n\n" +
			"Whoever can write the database can still cut off the end of the log. Keep what this prints as head somewhere else, and give it with --head\n" +
			"another time: then that shows, too. --key does the same for the key.",
		Example: "  postern audit verify\n  postern audit verify --head 1234:9f86d081884c7d65…\n  postern audit verify --file audit.jsonl --key 3b6a27bc…"}
	c.Flags().StringArrayVar(&f.heads, "head", nil, "an entry that the log must still hold, as place:hash; may be repeated")
	c.Flags().StringVar(&f.file, "file", "", "verify this `file` that `postern audit records` wrote, - for standard input, instead of asking the service")
	c.Flags().StringVar(&f.key, "key", "", "the public key that must have signed the entries, hexadecimal; default: what the service or the file says")
	c.RunE = func(c *cobra.Command, _ []string) error {
		how, err := format(c)
		if err != nil {
			return err
		}
		var kept []audit.Head
		for _, text := range f.heads {
			head, err := audit.ParseHead(text)
			if err != nil {
				return usage("--head %v", err)
			}
			kept = append(kept, head)
		}
		report, err := f.verify(c, kept)
		if err != nil {
			return err
		}
		return printReport(c, how, report)
	}
	return c
}

func (f *verifyFlags) verify(c *cobra.Command, kept []audit.Head) (audit.Report, error) {
	if f.file != "" {
		return f.verifyFile(c, kept)
	}
	_, client, err := begin(c)
	if err != nil {
		return audit.Report{}, err
	}
	chain, err := client.Audit.Chain(c.Context())
	if err != nil {
		return audit.Report{}, err
	}
	v, err := f.verifier(chain, kept)
	if err != nil {
		return audit.Report{}, err
	}
	err = records(c.Context(), client, chain, func(r api.AuditRecord) error {
		if v.Next() < r.Seq { // old entries may have been removed meanwhile
			now, err := client.Audit.Chain(c.Context())
			if err != nil {
				return err
			}
			v.MoveTo(headOf(now.Trimmed))
		}
		if r.Seq <= chain.Head.Seq {
			v.Add(recordOf(r))
		}
		if r.Seq%progressEvery == 0 {
			fmt.Fprintf(c.ErrOrStderr(), "Verified up to entry %d of %d …\n", r.Seq, chain.Head.Seq)
		}
		return nil
	})
	return v.End(headOf(chain.Head)), err
}

func (f *verifyFlags) verifier(chain api.AuditChain, kept []audit.Head) (*audit.Verifier, error) {
	key := chain.Key
	if f.key != "" {
		key = f.key
	}
	v, err := audit.NewVerifier(key, headOf(chain.Trimmed))
	if err != nil {
		return nil, usage("--key: %v", err)
	}
	for _, head := range kept {
		v.Keep(head)
	}
	return v, nil
}

// progressEvery is after how many entries a long verification says how far it is.
const progressEvery = 100_000

// maxLine bounds a line of a file of records, in bytes.
const maxLine = 16 << 20

func (f *verifyFlags) verifyFile(c *cobra.Command, kept []audit.Head) (audit.Report, error) {
	var in io.Reader = c.InOrStdin()
	if f.file != "-" {
		file, err := os.Open(f.file)
		if err != nil {
			return audit.Report{}, fmt.Errorf("read --file: %w", err)
		}
		defer file.Close()
		in = file
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	bad := fault.Invalid("--file", "is not what `postern audit records` writes")
	var chain api.AuditChain
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &chain) != nil || chain.Key == "" {
		return audit.Report{}, errors.Join(lines.Err(), bad)
	}
	v, err := f.verifier(chain, kept)
	if err != nil {
		return audit.Report{}, err
	}
	for lines.Scan() {
		var r api.AuditRecord
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return audit.Report{}, bad
		}
		v.Add(recordOf(r))
	}
	if err := lines.Err(); err != nil {
		return audit.Report{}, fmt.Errorf("read --file: %w", err)
	}
	return v.End(headOf(chain.Head)), nil
}

func headOf(h api.AuditHead) audit.Head {
	return audit.Head{Seq: h.Seq, Hash: h.Hash, Signature: h.Signature, Time: h.Time}
}

func recordOf(r api.AuditRecord) *audit.Record {
	return &audit.Record{
		Seq: r.Seq, ID: r.ID, Version: r.Version, Time: r.Time, Kind: r.ActorKind, Actor: r.Actor, Roles: r.Roles, Request: r.Request,
		Action: r.Action, Object: r.Object, Outcome: r.Outcome, Adopted: r.Adopted, Who: audit.Part(r.Who), What: audit.Part(r.What),
		Hash: r.Hash, Signature: r.Signature,
	}
}

func printReport(c *cobra.Command, how string, r audit.Report) error {
	w := c.OutOrStdout()
	switch how {
	case "json", "yaml":
		if err := encode(w, how, r); err != nil {
			return err
		}
	case "name":
		fmt.Fprintln(w, r.Head)
	default:
		fmt.Fprintf(w, "Entries:   %d (%d to %d)\n", r.Entries, r.First, r.Last)
		if r.Trimmed > 0 {
			fmt.Fprintf(w, "Removed:   up to %d, because they were old\n", r.Trimmed)
		}
		if r.Adopted > 0 {
			fmt.Fprintf(w, "Adopted:   %d were written before the log was chained\n", r.Adopted)
		}
		if r.Erased > 0 {
			fmt.Fprintf(w, "Erased:    %d lack personal fields\n", r.Erased)
		}
		fmt.Fprintf(w, "Key:       %s\nHead:      %s\n", r.Key, r.Head)
	}
	if r.Problem == nil {
		fmt.Fprintln(c.ErrOrStderr(), "The audit log is whole.")
		return nil
	}
	fmt.Fprintf(c.ErrOrStderr(), "The audit log is not whole: %s\n", clean(r.Problem.Error()))
	return ErrFound
}

// eraseUser erases what tells of a user from the logs.
func eraseUser() *cobra.Command {
	c := &cobra.Command{Use: "erase NAME", Short: "Erase what tells of a user from the logs; one who is still there is deleted", Args: cobra.ExactArgs(1),
		Long: "Erase names, addresses and details of a user from the audit log and the sign-in log. One who is still there is deleted first.\n" +
			"The entries stay, under an id that tells nobody who it was, and the audit log's chain stays whole. This cannot be undone.\n" +
			"NAME may be that of a user who was deleted before, as long as the audit log still tells of it.",
		Example: "  postern users erase ada\n  postern users erase usr_01hxy… --yes"}
	c.Flags().Bool("yes", false, "do not ask")
	c.RunE = func(c *cobra.Command, args []string) error {
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		id, err := everUser(c.Context(), client, args[0])
		if err != nil {
			return err
		}
		if err := confirm(c, fmt.Sprintf("Delete %s and erase what the logs tell of that user, for ever?", cell(args[0]))); err != nil {
			return err
		}
		out, err := client.Users.Erase(c.Context(), id)
		if err != nil {
			return err
		}
		if how == "json" || how == "yaml" {
			return encode(c.OutOrStdout(), how, out)
		}
		fmt.Fprintf(c.ErrOrStderr(), "Erased %s: %d audit entries and %d sign-ins tell of nobody now.\n", id, out.Audit, out.SignIns)
		return nil
	}
	return c
}

// everUser finds the id of a user who is there, or was.
func everUser(ctx context.Context, client *api.Client, text string) (string, error) {
	if access.ID(text).Valid(access.PrefixUser) {
		return text, nil
	}
	found, err := users().find(ctx, client, text)
	if err == nil || !fault.Is(err, fault.KindNotFound) {
		return found.ID, err
	}
	ids := map[string]bool{}
	var last string
	o := api.AuditOptions{Action: "user.delete", ListOptions: api.ListOptions{Limit: api.MaxPage}}
	for e, failed := range client.Audit.All(ctx, o.Options()) {
		if failed != nil {
			return "", failed
		}
		if e.Outcome == "done" && e.Name == text {
			ids[e.Object], last = true, e.Object
		}
	}
	switch len(ids) {
	case 0:
		return "", err
	case 1:
		return last, nil
	}
	return "", usage("%d users of the name %q were deleted; say which by the id that `postern audit list --action user.delete` shows", len(ids), text)
}
