package main

import (
	"context"
	"crypto/fips140"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/daemon"
	"postern/internal/service"
)

func serveCommand() *cobra.Command {
	var cfg service.Config
	var logs daemon.LogConfig
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the service",
		Long: `Run the service: sign-in pages, admin API, gateway. The first start makes the database,
the master key and the certificate authority in the data directory and prints the set-up link with
which the first administrator claims the service.

Every flag may be given as an environment variable instead: --admin-url is POSTERN_ADMIN_URL.`,
		Example: `  postern serve --url https://postern.example.com
  postern serve --url https://postern.example.com --database postgres://postern@db/postern`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := daemon.FlagsFromEnvironment(cmd.Flags(), "POSTERN"); err != nil {
				return err
			}
			log, err := daemon.NewLog(logs)
			if err != nil {
				return err
			}
			cfg.Log, cfg.Version = log, version
			return serve(cmd.Context(), cfg, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Data, "data", "", "directory of database, master key and ca.pem (default /var/lib/postern)")
	f.StringVar(&cfg.Database, "database", "", "postgres://… instead of SQLite in the data directory")
	f.StringVar(&cfg.KeyFile, "key-file", "", "master key that seals secrets in the database (default DATA/master.key)")
	f.StringVar(&cfg.URL, "url", "", "where people sign in and connectors enrol (default https:// and this machine's name)")
	f.StringVar(&cfg.AdminURL, "admin-url", "", `admin center and admin API (default: the URL with "admin." before its host)`)
	f.StringVar(&cfg.Listen, "listen", "", `address for TLS (default ":443")`)
	f.StringVar(&cfg.ListenPlain, "listen-plain", "", `address for redirects and the revocation list, or off (default ":80")`)
	f.StringVar(&cfg.AdminListen, "admin-listen", "", "serve the admin center on this address only, instead of --listen")
	f.StringVar(&cfg.MetricsListen, "metrics-listen", "", `address for metrics and health, or off (default "127.0.0.1:9600")`)
	f.StringVar(&cfg.GatewayAddress, "gateway-address", "", "host:port that connectors dial (default: that of the URL)")
	f.DurationVar(&cfg.ArchiveAfter, "archive-after", 10*24*time.Hour, "how long a connector is absent before it is archived: gone from lists, without traffic, until it returns")
	f.StringVar(&cfg.Region, "region", "", "where this service is, in a `word`: connectors of groups with the same region hold their tunnels here first")
	f.StringSliceVar(&cfg.ProxyProtocol, "proxy-protocol-from", nil, "`networks` of load balancers that say whose connection it is (PROXY protocol v2), such as 10.0.0.0/24")
	f.DurationVar(&cfg.AuditRetention, "audit-retention", 0, "how long audit entries are kept, whatever the settings say (default: what they say, 400 days at first)")
	f.DurationVar(&cfg.SignInRetention, "sign-in-retention", 0, "how long entries of the sign-in log are kept, whatever the settings say (default: what they say, 90 days at first)")
	f.DurationVar(&cfg.TrafficAge, "traffic-retention", 0, "how long records of the traffic log are kept, whatever the settings say (default: what they say, 30 days at first)")
	f.Var((*byteSize)(&cfg.TrafficBytes), "traffic-log-size", "how large this service's traffic log may become, such as 500MiB, whatever the settings say, or off for none (default: what they say, 10GiB at first)")
	f.BoolVar(&cfg.SecondFactor, "require-second-factor", false, "let nobody in without a second factor; who has none adds one at the next sign-in")
	f.StringVar(&cfg.BreachedPasswords, "breached-passwords", "", "file or https URL with passwords that nobody may choose, in the form of Have I Been Pwned")
	f.DurationVar(&cfg.Drain, "drain", 0, "how long open requests may take when stopping (default 30s)")
	f.StringVar(&logs.Level, "log-level", "", "debug, info, warn or error (default info)")
	f.StringVar(&logs.Format, "log-format", "", "text or json (default text)")
	return cmd
}

// leastHeap is up to how many bytes the heap may grow before it is worth to look for garbage: a small service on a small machine
// has a third of it in use. Measured with many small requests, 3 to 6 % of all processor time.
const leastHeap = 64 << 20

// serve runs the service until ctx ends. The set-up link goes to out, not into the log.
func serve(ctx context.Context, cfg service.Config, out io.Writer) error {
	daemon.LeaveGarbage(leastHeap)
	inherited, err := daemon.Inherit()
	if err != nil {
		return err
	}
	cfg.Listener = inherited.Listen
	s, err := service.New(ctx, cfg)
	if err != nil {
		return err
	}
	if err := inherited.Close(); err != nil {
		cfg.Log.Warn("a socket was passed that nothing serves", "error", err)
	}
	return daemon.Run(ctx, s.Run, func(ctx context.Context) error {
		link, err := s.SetupLink(ctx)
		if err != nil {
			return err
		}
		if link != "" {
			fmt.Fprintf(out, "This service has no administrator yet. Claim it once, here:\n\n  %s\n\n"+
				"Browsers and command lines trust it by the authority in %s, until it has public certificates.\n\n", link, s.RootsPath())
		}
		cfg.Log.Info("serving", "url", s.URL(), "admin", s.AdminURL(), "address", s.Address().String(), "fips140", fips140.Enabled())
		return daemon.Ready()
	})
}

// byteSize is a number of bytes as a flag: 500MiB, 10GiB, or off, which is negative. Zero: what the settings say.
type byteSize int64

var byteUnits = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

func (b *byteSize) String() string {
	n := int64(*b)
	if n < 0 {
		return "off"
	}
	if n == 0 {
		return ""
	}
	for _, unit := range byteUnits {
		if n%unit.bytes == 0 {
			return strconv.FormatInt(n/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatInt(n, 10)
}

func (b *byteSize) Set(text string) error {
	if text == "off" {
		*b = -1
		return nil
	}
	for _, unit := range byteUnits {
		if number, ok := strings.CutSuffix(text, unit.name); ok {
			n, err := strconv.ParseInt(number, 10, 64)
			if err != nil || n <= 0 || n > math.MaxInt64/unit.bytes {
				break
			}
			if n *= unit.bytes; n < 1<<20 {
				return errors.New("must be at least 1MiB")
			}
			*b = byteSize(n)
			return nil
		}
	}
	return errors.New("must be a size such as 500MiB or 10GiB, or off")
}

func (b *byteSize) Type() string { return "size" }
