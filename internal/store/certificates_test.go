package store_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

var publicCertificateNoun = noun[access.PublicCertificate]{
	meta: func(c *access.PublicCertificate) *access.Meta { return &c.Meta },
	sample: func(i int) access.PublicCertificate {
		return access.PublicCertificate{
			Meta: meta(num("crt", i), 1), Domain: fmt.Sprintf("d%d.example.com", i), Chain: "PEM", NotAfter: at(50), Issuer: "CA", SHA256: "ab",
		}
	},
	change: func(c *access.PublicCertificate) {
		c.Domain, c.Chain, c.NotAfter, c.Issuer, c.SHA256, c.Updated = "*.example.com", "PEM2", at(51), "CA2", "cd", at(9)
	},
	insert: func(tx *store.Tx, ctx context.Context, c *access.PublicCertificate) error {
		return tx.InsertPublicCertificate(ctx, c, []byte("key of "+c.Domain))
	},
	update: func(tx *store.Tx, ctx context.Context, c *access.PublicCertificate) error {
		return tx.UpdatePublicCertificate(ctx, c, []byte("key of "+c.Domain))
	},
	one: (*store.Tx).PublicCertificate, page: (*store.Tx).PublicCertificates, remove: (*store.Tx).DeletePublicCertificate,
}

func publicCertificatesHaveKeys(t *testing.T, k *kit) {
	cert := publicCertificateNoun.add(t, k, 1)
	wantKey := func(want string) {
		t.Helper()
		k.read(t, func(ctx context.Context, tx *store.Tx) error {
			key, err := tx.PublicCertificateKey(ctx, cert.ID)
			if string(key) != want {
				t.Errorf("key %q, want %q", key, want)
			}
			return err
		})
	}
	wantKey("key of d1.example.com")
	stale := cert
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return tx.UpdatePublicCertificate(ctx, &cert, []byte("new\x00key"))
	})
	wantKey("new\x00key")
	k.refused(t, fault.KindChanged, func(ctx context.Context, tx *store.Tx) error {
		return tx.UpdatePublicCertificate(ctx, &stale, []byte("stale"))
	})
	wantKey("new\x00key")
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		got, err := tx.PublicCertificateByDomain(ctx, cert.Domain)
		if diff := cmp.Diff(cert, got); diff != "" {
			t.Error(diff)
		}
		all, err2 := tx.AllPublicCertificates(ctx)
		if diff := cmp.Diff([]access.PublicCertificate{cert}, all); diff != "" {
			t.Error(diff)
		}
		found, _, err3 := tx.PublicCertificates(ctx, access.Page{Search: "D1.EXAMPLE"})
		none, _, err4 := tx.PublicCertificates(ctx, access.Page{Search: "d2"})
		if len(found) != 1 || len(none) != 0 {
			t.Errorf("searches find %d and %d certificates, want 1 and 0", len(found), len(none))
		}
		return errFirst(err, err2, err3, err4)
	})
}

func certificatesLive(t *testing.T, k *kit) {
	cert := store.IssuedCertificate{
		Serial: "0a", Kind: "connector", Subject: "spiffe://x/connector/1", KeyHash: "aa", NotBefore: at(1), NotAfter: at(30), State: store.CertificateReserved,
	}
	check := func(what string) {
		t.Helper()
		k.read(t, func(ctx context.Context, tx *store.Tx) error {
			got, err := tx.IssuedBySerial(ctx, cert.Serial)
			if diff := cmp.Diff(cert, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
			same, err2 := tx.IssuedByKeyHash(ctx, cert.Subject, cert.KeyHash)
			if diff := cmp.Diff(got, same); diff != "" {
				t.Errorf("%s, by its key:\n%s", what, diff)
			}
			return errFirst(err, err2)
		})
	}
	reserve := func(ctx context.Context, tx *store.Tx) error { return tx.ReserveSerial(ctx, &cert) }
	k.write(t, reserve)
	check("reserved")
	k.refused(t, fault.KindConflict, reserve)
	der := bytes.Repeat([]byte{0, 1, 255}, 500)
	issue := func(ctx context.Context, tx *store.Tx) error { return tx.SetIssued(ctx, cert.Serial, der) }
	k.write(t, issue)
	cert.State, cert.DER = store.CertificateIssued, der
	check("issued")
	k.refused(t, fault.KindConflict, issue)
	for _, by := range []string{"0b", "0c"} { // only the first successor counts
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.Replace(ctx, cert.Serial, by, at(5)) })
	}
	cert.State, cert.ReplacedAt, cert.ReplacedBy = store.CertificateReplaced, at(5), "0b"
	check("replaced")
	for _, want := range []int{1, 0} {
		k.write(t, func(ctx context.Context, tx *store.Tx) error {
			serials, err := tx.RevokeSubject(ctx, cert.Subject, at(6), "deleted")
			if len(serials) != want {
				t.Errorf("%d certificates revoked, want %d", len(serials), want)
			}
			return err
		})
	}
	cert.State, cert.RevokedAt, cert.Reason = store.CertificateRevoked, at(6), "deleted"
	check("revoked")
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		list, err := tx.RevokedCertificates(ctx)
		if diff := cmp.Diff([]store.IssuedCertificate{cert}, list); diff != "" {
			t.Error(diff)
		}
		return err
	})
	trims(t, k, []int64{0}, func(ctx context.Context, tx *store.Tx) (int64, error) {
		return tx.DeleteExpiredCertificates(ctx, at(30), 9)
	})
	trims(t, k, []int64{1, 0}, func(ctx context.Context, tx *store.Tx) (int64, error) {
		return tx.DeleteExpiredCertificates(ctx, at(31), 9)
	})
	for _, read := range []func(context.Context, *store.Tx) (store.IssuedCertificate, error){
		func(ctx context.Context, tx *store.Tx) (store.IssuedCertificate, error) {
			return tx.IssuedBySerial(ctx, cert.Serial)
		},
		func(ctx context.Context, tx *store.Tx) (store.IssuedCertificate, error) {
			return tx.IssuedByKeyHash(ctx, cert.Subject, cert.KeyHash)
		},
	} {
		k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error {
			_, err := read(ctx, tx)
			return err
		})
	}
}
