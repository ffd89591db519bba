package store_test

import (
	"context"
	"slices"
	"testing"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// takenFields is every unique index beside the primary keys: what stores the same twice, and which
// field of the admin API a person is told.
var takenFields = []struct {
	index string
	field string // empty: nothing that a person chooses
	twice func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error
}{
	{"connector_groups_name", "name", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertConnectorGroup(ctx, &access.ConnectorGroup{Meta: meta(id("cgr"), 1), Name: upper(id, "Same")})
	}},
	{"connector_groups_default", "default", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertConnectorGroup(ctx, &access.ConnectorGroup{Meta: meta(id("cgr"), 1), Name: string(id("n")), Default: true})
	}},
	{"applications_name", "name", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		a := application(id("app"), upper(id, "Wörld 2"), "cgr_w")
		return tx.InsertApplication(ctx, &a)
	}},
	{"applications_external", "externalUrl", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		a := application(id("app"), string(id("n")), "cgr_w")
		a.ExternalURL = "https://" + upper(id, "same.example.com") + "/a/"
		return tx.InsertApplication(ctx, &a)
	}},
	{"connectors_name", "name", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertConnector(ctx, &access.Connector{Meta: meta(id("con"), 1), Name: upper(id, "Same"), GroupID: "cgr_w"})
	}},
	{"exports_name", "name", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertExport(ctx, &access.Export{Meta: meta(id("exp"), 1), Name: upper(id, "Same")})
	}},
	{"users_name", "name", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertUser(ctx, &access.User{Meta: meta(id("usr"), 1), Name: upper(id, "same")})
	}},
	{"user_groups_name", "name", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertGroup(ctx, &access.Group{Meta: meta(id("grp"), 1), Name: upper(id, "Same")})
	}},
	{"assignments_user", "user", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertAssignment(ctx, &access.Assignment{Meta: meta(id("asg"), 1), Application: "app_w", User: "usr_w"})
	}},
	{"assignments_group", "group", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertAssignment(ctx, &access.Assignment{Meta: meta(id("asg"), 1), Application: "app_w", Group: "grp_w"})
	}},
	{"api_keys_name", "name", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertKey(ctx, &access.Key{Meta: meta(id("key"), 1), Name: upper(id, "Same"), Hash: []byte(id("h"))})
	}},
	{"api_keys_hash", "", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertKey(ctx, &access.Key{Meta: meta(id("key"), 1), Name: string(id("n")), Hash: []byte{1}})
	}},
	{"factors_credential", "passkey", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertFactor(ctx, &access.Factor{ID: id("fac"), User: "usr_w", Kind: access.FactorPasskey, Credential: []byte{1}})
	}},
	{"access_keys_hash", "", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertAccessKey(ctx, &access.AccessKey{Meta: meta(id("ack"), 1), User: "usr_w", Application: "app_w", Hash: []byte{1}})
	}},
	{"devices_key", "csr", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertDevice(ctx, &access.Device{Meta: meta(id("dev"), 1), User: "usr_w", Name: "d", KeyHash: "k"})
	}},
	{"device_codes_user", "", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertDeviceCode(ctx, &access.DeviceCode{Hash: []byte(id("d")), UserHash: []byte{1}, State: access.DevicePending})
	}},
	{"links_hash", "", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		u := access.User{Meta: meta(id("usr_link"), 1), Name: string(id("link"))}
		return errFirst(tx.InsertUser(ctx, &u), tx.PutLink(ctx, &access.Link{User: u.ID, Hash: []byte{1}}))
	}},
	{"public_certificates_domain", "domain", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertPublicCertificate(ctx, &access.PublicCertificate{Meta: meta(id("crt"), 1), Domain: "example.com"}, nil)
	}},
	{"issued_certificates_key", "csr", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.ReserveSerial(ctx, &store.IssuedCertificate{Serial: string(id("s")), Subject: "s", KeyHash: "k"})
	}},
	{"upstreams_name", "name", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertUpstream(ctx, &access.Upstream{Meta: meta(id("ups"), 1), Name: upper(id, "Same"), Kind: access.UpstreamOIDC, OIDC: &access.OIDCSettings{}})
	}},
	{"upstreams_default", "default", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertUpstream(ctx, &access.Upstream{Meta: meta(id("upd"), 1), Name: string(id("n")), Kind: access.UpstreamOIDC, OIDC: &access.OIDCSettings{}, Default: true})
	}},
	{"users_upstream", "subject", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error { // of the first one above
		return tx.InsertUser(ctx, &access.User{Meta: meta(id("far"), 1), Name: string(id("far")), Upstream: "ups_1", Subject: "s"})
	}},
	{"policies_name", "name", func(ctx context.Context, tx *store.Tx, id func(string) access.ID) error {
		return tx.InsertPolicy(ctx, &access.Policy{Meta: meta(id("pol"), 1), Name: upper(id, "Same"), Mode: access.ModeOff})
	}},
}

// upper writes a name of the second object in capitals: names are the same whatever their case.
func upper(id func(string) access.ID, name string) string {
	if id("x") == "x_2" {
		return map[string]string{"Same": "sAME", "same": "SAME", "Wörld 2": "WÖRLD 2", "same.example.com": "SAME.example.com"}[name]
	}
	return name
}

func takenNamesTheField(t *testing.T, k *kit) {
	k.settle(t)
	for _, test := range takenFields {
		insert := func(n string) error {
			return k.try(t, func(ctx context.Context, tx *store.Tx) error {
				return test.twice(ctx, tx, func(prefix string) access.ID { return access.ID(prefix + "_" + n) })
			})
		}
		first := "1"
		if test.index == "connector_groups_default" {
			first = "" // the world's own is there already
		}
		if err := insert(first); (err == nil) != (first != "") {
			t.Errorf("%s: the first: %v", test.index, err)
		}
		err := insert("2")
		if !fault.Is(err, fault.KindConflict) {
			t.Errorf("%s: %v (%v), want a conflict", test.index, err, fault.KindOf(err))
		}
		if test.field == "" {
			wantFields(t, err)
		} else {
			wantFields(t, err, test.field)
		}
		k.write(t, func(ctx context.Context, tx *store.Tx) error { // so that the next one meets nothing of this
			for _, table := range []string{"assignments", "api_keys", "applications WHERE id <> 'app_w'", "connectors WHERE id <> 'con_w'"} {
				if _, err := tx.Exec(ctx, "DELETE FROM "+table); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// ownNumbers are the unique indexes over numbers that the store itself gives: nobody can ask for one that is taken.
var ownNumbers = []string{"audit_seq", "sign_ins_seq"}

// TestEveryUniqueIndexIsExplained finds an index that somebody adds and nobody explains.
func TestEveryUniqueIndexIsExplained(t *testing.T) {
	_, reader := openStore(t, sqliteConfig(t)).Pools()
	rows, err := reader.Query("SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE 'CREATE UNIQUE%'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var found, explained []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(ownNumbers, name) {
			found = append(found, name)
		}
	}
	for _, test := range takenFields {
		explained = append(explained, test.index)
	}
	slices.Sort(found)
	slices.Sort(explained)
	if !slices.Equal(found, explained) {
		t.Errorf("the schema has the unique indexes %q, the tests know %q", found, explained)
	}
}
