package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
)

// segmentsCell shows segments in a table.
func segmentsCell(list []api.Segment) string {
	const some = 3
	words := make([]string, 0, some+1)
	for _, s := range list[:min(len(list), some)] {
		words = append(words, access.Segment(s).String())
	}
	if more := len(list) - some; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, ", ")
}

// applicationChanges tells what a change of segments would do.
func applicationChanges() *cobra.Command {
	c := &cobra.Command{Use: "changes [NAME]", Short: "Tell what a change of a private application's segments would do, before it is made", Args: cobra.MaximumNArgs(1),
		Long: "Tell whose destinations would become whose if a private application had these segments, and who would lose access by that. Nothing\n" +
			"is stored. With the name of an application: if that one had them, or were deleted; without: if there were a new one.",
		Example: "  postern applications changes --segment 10.1.0.0/16:443\n  postern applications changes Databases --segment db.corp.example:5432\n" +
			"  postern applications changes Databases --delete"}
	var fields []field
	for _, f := range applicationFields() {
		if f.member == "segments" || f.member == "kind" {
			fields = append(fields, f)
		}
	}
	read := noun[api.Application]{fields: fields}.flags(c, false)
	c.Flags().Bool("delete", false, "tell what deleting it would do")
	c.RunE = func(c *cobra.Command, args []string) error {
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		values, err := read(c, client)
		if err != nil {
			return err
		}
		in, err := inputOf[api.SegmentTrial](values)
		if err != nil {
			return err
		}
		in.Remove, _ = c.Flags().GetBool("delete") // it is defined
		if len(args) == 1 {
			app, err := applications().find(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			in.Application, in.Name = app.ID, app.Name
			if in.Kind == "" && app.Kind != string(access.KindWeb) {
				in.Kind = app.Kind
			}
			if in.Segments == nil {
				in.Segments = app.Segments
			}
		}
		switch {
		case in.Remove && in.Application == "":
			return usage("--delete goes with the name of an application")
		case !in.Remove && len(in.Segments) == 0:
			return usage("say with --segment or --segments-file what the application is to have")
		}
		preview, err := client.PreviewSegments(c.Context(), in)
		if err != nil {
			return renamed(err, noun[api.Application]{fields: fields}.flagOf)
		}
		if how == "json" || how == "yaml" {
			return encode(c.OutOrStdout(), how, preview)
		}
		return printPreview(c, preview)
	}
	return c
}

func printPreview(c *cobra.Command, p api.SegmentPreview) error {
	rows := make([][]string, 0, len(p.Changes)+len(p.Covered))
	for _, change := range p.Changes {
		rows = append(rows, []string{change.Example, ownerCell(change.From), ownerCell(change.To), losingCell(change), fmt.Sprint(change.GainingCount)})
	}
	for _, kept := range p.Covered {
		rows = append(rows, []string{kept.Example, ownerCell(kept.To) + ", which comes first", "stays so", "nobody", "0"})
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(c.OutOrStdout(), "No destination would belong to another application than now.")
		return err
	}
	if err := table(c.OutOrStdout(), []string{"FOR EXAMPLE", "BELONGS TO", "WOULD BELONG TO", "LOSE ACCESS", "GAIN ACCESS"}, rows); err != nil {
		return err
	}
	if p.More > 0 {
		_, err := fmt.Fprintf(c.OutOrStdout(), "and %d more changes\n", p.More)
		return err
	}
	return nil
}

func ownerCell(o *api.SegmentOwner) string {
	if o == nil {
		return "nobody"
	}
	return cell(o.Name) + " by " + o.Segment
}

func losingCell(s api.SegmentChange) string {
	if s.LosingCount == 0 {
		return "nobody"
	}
	const some = 5
	shown := s.Losing[:min(len(s.Losing), some)]
	text := cell(strings.Join(shown, ", "))
	if more := s.LosingCount - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
