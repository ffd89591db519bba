package store

import (
	"errors"
	"io"
	"strings"

	"postern/internal/fault"
)

// uniques says for each unique constraint which field of the admin API is taken. PostgreSQL names
// the index, SQLite the columns.
var uniques = []struct{ index, columns, field, message string }{
	{"connector_groups_name", "connector_groups.name_key", "name", "is the name of another connector group"},
	{"connector_groups_default", "connector_groups.is_default", "default", "is another connector group already"},
	{"applications_name", "applications.name_key", "name", "is the name of another application"},
	{"applications_external", "applications.external_host, applications.external_path", "externalUrl", "is the external URL of another application"},
	{"connectors_name", "connectors.name_key", "name", "is the name of another connector"},
	{"users_name", "users.name_key", "name", "is the name of another user"},
	{"users_upstream", "users.upstream_id, users.upstream_subject", "subject", "is that of another user of this upstream"},
	{"exports_name", "exports.name_key", "name", "is the name of another export"},
	{"upstreams_name", "upstreams.name_key", "name", "is the name of another upstream"},
	{"upstreams_default", "upstreams.is_default", "default", "is another upstream already"},
	{"user_groups_name", "user_groups.name_key", "name", "is the name of another group"},
	{"policies_name", "policies.name_key", "name", "is the name of another policy"},
	{"assignments_user", "assignments.application_id, assignments.user_id", "user", "has this assignment already"},
	{"assignments_group", "assignments.application_id, assignments.group_id", "group", "has this assignment already"},
	{"api_keys_name", "api_keys.name_key", "name", "is the name of another API key"},
	{"factors_credential", "factors.credential", "passkey", "is registered already"},
	{"devices_key", "devices.key_hash", "csr", "has the key of a device that was enrolled at the same moment; ask again"},
	{"public_certificates_domain", "public_certificates.domain", "domain", "has a certificate already"},
	{"issued_certificates_key", "issued_certificates.subject, issued_certificates.key_hash", "csr", "has a key that was used before"},
}

// taken explains a violated unique constraint, of which text names the index or the columns.
func taken(text string, err error) error {
	for _, u := range uniques {
		if text == u.index || strings.Contains(text, "failed: "+u.columns+" (") || strings.HasSuffix(text, "failed: "+u.columns) {
			conflict := fault.Conflict("").Because(err)
			conflict.Fields = []fault.Field{{Name: u.field, Message: u.message}}
			return conflict
		}
	}
	return fault.Conflict("there is such an object already").Because(err)
}

// referred explains a violated foreign key: something needed is gone, or something is still needed.
func referred(err error) error {
	return fault.Conflict("something that this refers to does not exist, or something else still refers to it").Because(err)
}

// isEOF reports whether the other side hung up.
func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
