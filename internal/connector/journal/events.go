package journal

// An Event is something that administrators want to know of: an entry of the Admin log. Its id is stable, docs/connector-logs.md
// lists all of them. Windows knows it by the number in the id.
type Event struct {
	ID      string
	Message string // the fixed words with which the program says it
	Means   string
}

// Events lists them. What the program says in other words is not in the Admin log.
func Events() []Event {
	return []Event{
		{"C100", "connector started", "The process serves; with its version and certificate."},
		{"C101", "connector draining", "It was told to stop, and finishes what is open."},
		{"C102", "connector stopped", "All that it had begun has ended."},
		{"C110", "enrolled", "This machine has its first certificate."},
		{"C111", "cannot enrol yet", "The service was not reached; it is tried again."},
		{"C112", "this connector waits for an administrator's approval and carries nothing until then", "It enrolled with a token that holds; approve names the command."},
		{"C120", "tunnel up", "There is a tunnel to a gateway."},
		{"C121", "tunnel ended", "A tunnel ended in order: the gateway or the connector wanted it so."},
		{"C122", "tunnel drained", "A tunnel was replaced; complete says whether all that was on it had finished."},
		{"C123", "no gateway of the list was reached; the service's own address was", "The list of gateways was outdated; the service tells the new one."},
		{"C124", "connection intercepted", "Somebody on the way opens TLS; the issuer of his certificate is named."},
		{"C130", "configuration in force", "What the connector may do has changed."},
		{"C131", "local rules read", "The local rules were changed and are in force."},
		{"C132", "local rules are wrong: the ones read before stay in force", "The file as it is now cannot be used."},
		{"C140", "certificate renewed", "There is a new certificate for a new key."},
		{"C141", "certificate renewed by another process", "Another process of this connector renewed it."},
		{"C142", "this connector was deleted at the service: enrol it again with a new token (postern-connector enrol --again)", "The service does not know this connector any more."},
		{"C143", "clock differs from the service's", "By more than a minute; beyond two minutes nothing works."},
		{"C150", "error", "Something failed; while says what was being done. The same error is written once a minute at most."},
		{"C151", "examined itself", "There was no tunnel for a minute; one entry for each thing that the doctor found wrong."},
		{"C160", "session log switched on", "An administrator wants every transaction in the Session log, until the time that is named."},
		{"C161", "session log switched off", "By an administrator, or because its time was over."},
		{"C162", "debug log switched on", "An administrator wants debug messages, until the time that is named."},
		{"C163", "debug log switched off", "By an administrator, or because its time was over."},
	}
}
