package doctor

import (
	"slices"

	"postern/internal/wire"
)

// Kind is something that can be found: its code is stable, docs/doctor.md lists all of them.
type kind struct {
	code     string
	severity wire.Severity
	means    string
	cure     string
}

// Left is the code of what a report has no room for.
const Left = "applications-left"

// kinds lists everything that an examination can find.
func kinds() []kind { return slices.Concat(here(), beyond()) }

const ok, note, warning, bad = wire.SeverityOK, wire.SeverityNote, wire.SeverityWarning, wire.SeverityError

// here is what can be found on the machine itself.
func here() []kind {
	return []kind{
		{"enrolled", ok, "This machine has a credential that can be used.", ""},
		{"not-enrolled", bad, "There is no credential in the state directory.", "Make a token (postern tokens create NAME --out FILE) and run postern-connector enrol --token-file FILE."},
		{"enrolment-due", note, "There is no credential yet; the service was asked about by --service or --token-file.", "Run postern-connector enrol --token-file FILE."},
		{"state-unusable", bad, "The credential cannot be read or is not safe where it lies.", "Do what the detail says; if the file is damaged, run postern-connector uninstall --force and enrol again."},
		{"other-user", bad, "The state directory belongs to another user than the one who runs doctor.", "Run doctor as that user or as root, or start the connector: then it examines itself."},
		{"state-disk", ok, "The disk of the state directory has room.", ""},
		{"state-disk-full", bad, "The disk of the state directory has less than 16 MiB left: the next renewal of the certificate could not be stored.", "Make room on that disk."},
		{"running", ok, "A connector runs on this state directory and answers.", ""},
		{"not-running", bad, "The machine is enrolled, and no connector runs on this state directory.", "Start it (postern-connector start if it is a service, otherwise postern-connector run), and look at its log if it ends. Applications are looked at only while it runs."},
		{"complaint", warning, "The running connector itself says that something is wrong.", "Do what the sentence says; other findings often name the cause."},
		{"certificate", ok, "The certificate is in force and not due.", ""},
		{"certificate-due", note, "The certificate is due for renewal.", "The connector renews it by itself; nothing is to be done unless it stays so."},
		{"certificate-overdue", warning, "The certificate should have been renewed long ago.", "Look at the findings about the service: renewal needs nothing but the way to it."},
		{"certificate-expired", bad, "The certificate has expired. It can still be renewed, for as long as the service keeps the connector.", "Start the connector: it renews when it reaches the service. If it says that it was deleted, enrol again."},
		{"certificate-revoked", bad, "The service's revocation list has this certificate.", "Somebody deleted the connector: run postern-connector uninstall --force and enrol again."},
		{"rules", ok, "The local rules can be read and are safe.", ""},
		{"rules-wrong", bad, "The local rules cannot be read, are wrong, or can be changed by others.", "Do what the detail says (docs/connector-rules.md). A connector that runs goes on with the rules it read before; one that starts does not start."},
		{"files", ok, "The limit of open files suffices for the streams that the connector may carry.", ""},
		{"files-low", warning, "The limit of open files is lower than what the connector's limit of streams may need.", "Raise it: LimitNOFILE=65536 in the systemd unit, or ulimit -n."},
		{"ports", ok, "There are enough ephemeral ports for connections to applications.", ""},
		{"ports-low", warning, "There are few ephemeral ports: many connections to one application may find none.", "Widen net.ipv4.ip_local_port_range, for example to 10240 65535."},
	}
}

// beyond is what can be found on the way to the service, to its gateways, and to the applications.
func beyond() []kind {
	return []kind{
		{"name", ok, "The service's name is found.", ""},
		{"name-unknown", bad, "DNS does not know the service's name.", "Check the name, and that this machine's DNS servers know public names."},
		{"dns-silent", bad, "DNS did not answer.", "Check this machine's DNS servers (/etc/resolv.conf), and that it may reach them on port 53."},
		{"name-by-proxy", note, "This machine does not find the service's name; the proxy on the way looks it up instead.", ""},
		{"proxy", note, "The way to the service goes through a proxy.", ""},
		{"proxy-failed", bad, "The proxy was not reached, wants a password, or refused to connect.", "Do what the detail says: --proxy, its password in POSTERN_CONNECTOR_PROXY, or the proxy's own rules."},
		{"service", ok, "The service answers, and is the one whose authority is pinned.", ""},
		{"service-unproven", note, "The service answers. Without a token nobody can say whether it is the right one.", "Compare the fingerprint with what postern authority show says, or give doctor the token: --token-file FILE."},
		{"service-unreachable", bad, "No connection to the service.", "Let this machine out to that host and port (postern-connector doctor --requirements), or say which proxy to use."},
		{"service-tls", bad, "No TLS with the service.", "Let TLS pass through unchanged, to the service itself."},
		{"service-answer", bad, "The service answered with an error.", "See the sentence, and the service's own log."},
		{"intercepted", bad, "Somebody on the way opens TLS and shows a certificate of his own.", "Exempt the service's host from TLS inspection; the detail names the issuer to ask for."},
		{"opened-on-the-way", note, "Somebody on the way opens TLS. The connector gets through by HTTP Upgrade, with TLS of its own inside that nobody opens.", "If it is an inspecting proxy, exempt the service's host; the detail names the issuer to ask for. A load balancer of the service's own is as it should be."},
		{"wrong-authority", bad, "A Postern service answers whose authority is not the pinned one.", "If the service exchanged its authority while this machine was away, enrol again with a new token; otherwise the name leads to the wrong service."},
		{"clock", ok, "The clock agrees with the service's.", ""},
		{"clock-skewed", bad, "The clock differs from the service's by more than a minute: grants and certificates are refused beyond two.", "Have this machine's clock set by NTP."},
		{"large-messages", ok, "Messages of 32 KiB pass in both directions.", ""},
		{"large-messages-lost", bad, "Small messages pass, large ones do not: packets of full size are lost on the way.", "Let ICMP \"fragmentation needed\" pass, or lower this machine's MTU (often 1400 behind a VPN)."},
		{"service-old", note, "The service is older than this question.", "Update the service when convenient."},
		{"versions", ok, "Connector and service speak the same version of their messages.", ""},
		{"versions-differ", warning, "Connector and service speak different versions of their messages. They understand each other; what is new in one is not there.", "Update the older one."},
		{"revocations", ok, "The service's revocation list is there, and has not this certificate.", ""},
		{"revocations-unreachable", note, "The service's revocation list was not reached. The connector itself does not need it.", "Let this machine out to port 80 of the service if your rules ask for revocation to be checked."},
		{"gateway", ok, "The gateway is reached and takes this connector's certificate.", ""},
		{"gateway-unreachable", bad, "The gateway is not reached, or TLS with it fails.", "Let this machine out to the gateway's address and port; all of them are in postern-connector doctor --requirements."},
		{"gateway-refuses", bad, "The gateway does not take this connector's certificate.", "The connector was disabled or deleted at the service, or another machine took over its credential: see postern connectors show NAME."},
		{"tunnel", ok, "The tunnel answers. The detail says how fast it is.", ""},
		{"tunnel-silent", bad, "The tunnel does not answer; the connector replaces it within seconds.", "If it happens again and again, something on the way forgets connections that rest: look at firewalls and NAT."},
		{"tunnel-slow", warning, "The tunnel's round trip is longer than 300 ms: pages take many round trips.", "Use a gateway that is nearer to the connector, or a connector nearer to the gateway."},
		{"no-tunnel", bad, "The connector runs and has no tunnel.", "See the findings about the service and the gateways."},
		{"no-applications", note, "No application is published through this connector's group.", ""},
		{"application", ok, "The application is reached.", ""},
		{"application-unreachable", bad, "The application is not reached from here. The reason is the code that a user's request would fail with (docs/troubleshooting.md).", "See the reason in docs/troubleshooting.md."},
		{"application-silent", warning, "The application takes connections and does not answer HTTP.", "Look at the application itself."},
		{"application-fails", warning, "The application answers with a status of 500 or more.", "Look at the application's own log."},
		{"applications-left", note, "Not every application was looked at: there are too many, or the time was over.", "postern explain USER APP asks about a single one."},
	}
}

func kindOf(code string) kind {
	for _, k := range kinds() {
		if k.code == code {
			return k
		}
	}
	return kind{code: code, severity: wire.SeverityError}
}
