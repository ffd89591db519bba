package service

import (
	"fmt"
	"strings"
	"time"

	"postern/internal/control"
)

// flagsOf lists what the service was started with, as it is in force, without secrets. given is that before it was completed.
func flagsOf(given, now Config) []control.Flag {
	database := "SQLite, in the data directory"
	if now.Database != "" {
		database = "PostgreSQL" // its URL may have a password
	}
	list := []control.Flag{
		{Name: "url", Value: now.URL, Set: given.URL != ""},
		{Name: "admin-url", Value: now.AdminURL, Set: given.AdminURL != ""},
		{Name: "listen", Value: now.Listen, Set: given.Listen != ""},
		{Name: "listen-plain", Value: now.ListenPlain, Set: given.ListenPlain != ""},
		{Name: "admin-listen", Value: now.AdminListen, Set: given.AdminListen != ""},
		{Name: "metrics-listen", Value: now.MetricsListen, Set: given.MetricsListen != ""},
		{Name: "proxy-protocol-from", Value: strings.Join(now.ProxyProtocol, ", "), Set: len(given.ProxyProtocol) > 0},
		{Name: "gateway-address", Value: now.GatewayAddress, Set: given.GatewayAddress != ""},
		{Name: "region", Value: now.Region, Set: given.Region != ""},
		{Name: "database", Value: database, Set: given.Database != ""},
		{Name: "data", Value: now.Data, Set: given.Data != ""},
		{Name: "archive-after", Value: lasting(now.ArchiveAfter, "240h"), Set: given.ArchiveAfter > 0 && given.ArchiveAfter != 10*24*time.Hour},
		{Name: "audit-retention", Value: lasting(now.AuditRetention, ""), Set: given.AuditRetention > 0},
		{Name: "sign-in-retention", Value: lasting(now.SignInRetention, ""), Set: given.SignInRetention > 0},
		{Name: "traffic-retention", Value: lasting(now.TrafficAge, ""), Set: given.TrafficAge > 0},
		{Name: "traffic-log-size", Value: sizeOf(now.TrafficBytes), Set: given.TrafficBytes != 0},
		{Name: "require-second-factor", Value: fmt.Sprint(now.SecondFactor), Set: given.SecondFactor},
		{Name: "breached-passwords", Value: map[bool]string{true: "given"}[now.BreachedPasswords != ""], Set: given.BreachedPasswords != ""},
		{Name: "drain", Value: lasting(now.Drain, ""), Set: given.Drain > 0},
	}
	return list
}

func lasting(d time.Duration, usual string) string {
	if d == 0 {
		return usual
	}
	return d.String()
}

func sizeOf(bytes int64) string {
	switch {
	case bytes < 0:
		return Off
	case bytes == 0:
		return ""
	}
	return fmt.Sprintf("%d bytes", bytes)
}
