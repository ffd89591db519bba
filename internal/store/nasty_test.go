package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// nastyTexts mean something to a shell, a database, a log or a screen. To the store they are text.
var nastyTexts = map[string]string{
	"quotes":      `'"` + "`" + `''""; DROP TABLE users; --`,
	"backslashes": `\ \\ \' \x00 \u0000`,
	"patterns":    `% _ * ? [a-z] $1 $2 ? :name @name`,
	"formats":     "%s %d %!v(MISSING) {{.}} ${HOME} $(id)",
	"lines":       "a\r\nb\n\tc\x1b[31m\x7f\u2028",
	"blanks":      "   ",
	"directions":  "a\u202eb\u2066c\u200d\ufeff",
	"composed":    "é e\u0301 ﬁ ß İ ı K",
	"far planes":  "日本 🎣👨‍👩‍👧 \U0010ffff",
	"numbers":     "0x10 1e9 NaN -0 9223372036854775808",
	"null":        "NULL",
	"a megabyte":  strings.Repeat("0123456789abcdeß", 1<<16),
}

func nastyTextComesBack(t *testing.T, k *kit) {
	w := k.settle(t)
	for name, text := range nastyTexts {
		id := access.ID("grp_" + strings.ReplaceAll(name, " ", "_"))
		group := access.Group{Meta: meta(id, 1), Name: name, Description: text}
		entry := auditEntry(1)
		entry.ID, entry.Object, entry.Name, entry.Detail, entry.Actor.Request = "aud_"+id, id, text, text, text
		session := access.Session{
			ID: "ses_" + id, Kind: access.SessionPortal, User: w.user.ID, Host: text, UserAgent: text, Address: text, Expires: at(1),
		}
		k.write(t, func(ctx context.Context, tx *store.Tx) error {
			return errFirst(tx.InsertGroup(ctx, &group), tx.AppendAudit(ctx, &entry), tx.InsertSession(ctx, &session),
				tx.PutSecret(ctx, name, []byte(text+"\x00\xff")))
		})
		if diff := cmp.Diff(group, groupNoun.stored(t, k, id)); diff != "" {
			t.Errorf("%s (-stored +read):\n%.1000s", name, diff)
		}
		k.read(t, func(ctx context.Context, tx *store.Tx) error {
			entries, _, err := tx.Audits(ctx, store.AuditFilter{Object: id})
			if len(entries) == 1 {
				entry.Seq, entry.Hash = entries[0].Seq, entries[0].Hash // which nobody knows before
			}
			if len(entries) != 1 || !cmp.Equal(entry, entries[0]) {
				t.Errorf("%s: the audit log changed it", name)
			}
			got, err2 := tx.SessionByID(ctx, session.ID)
			if !cmp.Equal(session, got) {
				t.Errorf("%s: the session changed it", name)
			}
			secret, err3 := tx.Secret(ctx, name)
			if string(secret) != text+"\x00\xff" {
				t.Errorf("%s: the secret changed it", name)
			}
			return errFirst(err, err2, err3)
		})
	}
}

func impossibleTextIsRefused(t *testing.T, k *kit) {
	k.settle(t)
	for _, text := range []string{"\x00", "a\x00b", "\xff", "a\xc3", "\xed\xa0\x80"} {
		for _, insert := range []func(context.Context, *store.Tx) error{
			func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertGroup(ctx, &access.Group{Meta: meta("grp_1", 1), Name: "g", Description: text})
			},
			func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertUser(ctx, &access.User{Meta: meta("usr_1", 1), Name: text})
			},
			func(ctx context.Context, tx *store.Tx) error { return tx.PutSecret(ctx, text, nil) },
			func(ctx context.Context, tx *store.Tx) error { _, err := tx.User(ctx, access.ID(text)); return err },
			func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.SessionByID(ctx, access.ID(text))
				return err
			},
		} {
			k.refused(t, fault.KindInvalid, insert)
		}
	}
}

// oversizedNames are more than an index of PostgreSQL takes. It says so, and is not broken.
func oversizedNames(t *testing.T, k *kit) {
	var name strings.Builder // that does not compress
	for i := range 20_000 {
		name.WriteRune(rune('a' + i*i*7919%9973))
	}
	err := k.try(t, func(ctx context.Context, tx *store.Tx) error {
		return tx.InsertGroup(ctx, &access.Group{Meta: meta("grp_1", 1), Name: name.String()})
	})
	if err != nil && !fault.Is(err, fault.KindTooLarge) {
		t.Errorf("%v (%v), want no error, or one of size", err, fault.KindOf(err))
	}
}

func momentsComeBack(t *testing.T, k *kit) {
	zone := time.FixedZone("far", 13*60*60)
	for i, test := range []struct{ in, want time.Time }{
		{time.Time{}, time.Time{}},
		{time.Date(2026, 1, 2, 3, 4, 5, 6999, zone), time.Date(2026, 1, 1, 14, 4, 5, 6000, time.UTC)},
		{time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)},
		{time.Date(1950, 1, 1, 0, 0, 0, 1000, time.UTC), time.Date(1950, 1, 1, 0, 0, 0, 1000, time.UTC)},
	} {
		u := access.User{Meta: access.Meta{ID: num("usr", i), Created: test.in, Updated: test.in}, Name: string(num("u", i))}
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertUser(ctx, &u) })
		got := userNoun.stored(t, k, u.ID)
		for _, moment := range []time.Time{got.Created, got.Updated} {
			if moment != test.want {
				t.Errorf("%v came back as %v, want %v", test.in, moment, test.want)
			}
		}
	}
}
