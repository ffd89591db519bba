package control_test

import (
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
)

// TestRetentionIsInForceAtOnce: what is set holds without a restart, has a history, and is refused with the field's name.
func TestRetentionIsInForceAtOnce(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		first := good(k.Retention(ctx, k.actor(access.RoleReader)))
		if first.Version != 1 || first.Audit.For != 400*access.Day || first.SignIns.For != 90*access.Day || first.Traffic.For != 30*access.Day || first.TrafficSize.Bytes != 10<<30 || first.Audit.Set || first.Audit.Flag != "" {
			t.Fatalf("at first: %+v", first)
		}
		wanted := access.Retention{Meta: first.Meta, AuditDays: 60, SignInDays: 2, TrafficDays: 7, TrafficBytes: 5 << 20}
		set := good(k.UpdateRetention(ctx, k.owner, wanted))
		if set.Version != 2 || set.Audit.For != 60*access.Day || !set.Audit.Set || set.TrafficSize.Bytes != 5<<20 {
			t.Errorf("%+v", set)
		}
		k.settled()
		if kept := k.Kept(); kept.SignIns.For != 2*access.Day || kept.Traffic.For != 7*access.Day {
			t.Errorf("in force: %+v", kept)
		}
		for field, bad := range map[string]access.Retention{
			"auditDays": {AuditDays: 29}, "signInDays": {SignInDays: -1}, "trafficDays": {AuditDays: 3650, TrafficDays: 3651}, "auditDays must not be less than trafficDays (401)": {TrafficDays: 401}, "trafficBytes": {TrafficBytes: 1<<20 - 1},
		} {
			bad.Meta = set.Meta
			if _, err := k.UpdateRetention(ctx, k.owner, bad); !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), field) {
				t.Errorf("%s: %v", field, err)
			}
		}
		_, err := k.UpdateRetention(ctx, k.actor(access.RoleApplicationAdmin), wanted)
		wantKind(t, err, fault.KindForbidden)
		_, err = k.UpdateRetention(ctx, k.owner, wanted)
		wantKind(t, err, fault.KindChanged)

		list := good(k.RetentionHistory(ctx, k.owner, ""))
		if len(list) != 2 || list[0].Object.AuditDays != 60 || list[0].Entry.Action != "retention.update" || list[1].Number != 1 || list[1].Object.AuditDays != 0 || !list[1].Entry.Time.IsZero() {
			t.Fatalf("%+v", list)
		}
		back := good(k.UndoRetention(ctx, k.owner, control.Undo{Version: 2}))
		if back.Version != 3 || back.AuditDays != 0 || back.Audit.For != 400*access.Day {
			t.Errorf("undone: %+v", back)
		}
	})
}

// TestRetentionRemovesWhatIsOver: the audit log and the sign-in log lose what the setting says, and a flag keeps it.
func TestRetentionRemovesWhatIsOver(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		k.user("ada")
		k.UpdateRetention(ctx, k.owner, access.Retention{Meta: good(k.Retention(ctx, k.owner)).Meta, AuditDays: 30})
		k.settled()
		made := k.lastAudit("user.create")
		k.pass(31 * access.Day)
		there := func() bool {
			list, _, err := k.Audits(ctx, k.owner, control.AuditFilter{Action: "user.create"})
			return must(t, len(list), err) > 0 && list[0].ID == made.ID
		}
		k.stop()
		k.cfg.Settings.AuditRetention = 100 * access.Day
		k.Control = k.open()
		k.run()
		if kept := k.Kept(); kept.Audit.Flag != "audit-retention" || kept.Audit.For != 100*access.Day || kept.Audit.Set {
			t.Errorf("a flag wins: %+v", kept.Audit)
		}
		k.CleanUp(ctx)
		if !there() {
			t.Error("the flag says 100 days, and it is gone after 31")
		}
		k.stop()
		k.cfg.Settings.AuditRetention = 0
		k.Control = k.open()
		k.run()
		k.CleanUp(ctx)
		if there() {
			t.Error("the setting says 30 days, and it is there after 31")
		}
	})
}

// TestBrandingComesBack: with its logo, by undo and by a document; whoever may not change it does not by either.
func TestBrandingComesBack(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		logo := []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>`)
		b := good(k.Branding(ctx, k.owner))
		b.Name, b.Logo, b.Colour = "Example", logo, "#7a1f3d"
		b = good(k.UpdateBranding(ctx, k.owner, b))
		exported := k.document()
		plain := b
		plain.Name, plain.Logo = "Other", nil
		good(k.UpdateBranding(ctx, k.owner, plain))
		list := good(k.BrandingHistory(ctx, k.actor(access.RoleReader), ""))
		if len(list) != 3 || list[1].Object.Logo == "" || list[0].Object.Logo != "" || strings.Contains(list[1].Object.Logo, "svg xmlns") {
			t.Fatalf("%+v", list)
		}
		back := good(k.UndoBranding(ctx, k.owner, control.Undo{Version: 3, To: 2}))
		if back.Version != 4 || back.Name != "Example" || string(back.Logo) != string(logo) || back.LogoType != access.LogoSVG {
			t.Errorf("undone: %+v", back)
		}
		first := good(k.UndoBranding(ctx, k.owner, control.Undo{Version: 4, To: 1}))
		if first.Name != "" || first.Logo != nil || first.Colour != "" {
			t.Errorf("our own look: %+v", first)
		}

		only := access.Document{Branding: exported.Branding, Retention: &access.Retention{AuditDays: 500}}
		plan := k.apply(only, true)
		if len(plan.Steps) != 2 || plan.Steps[0].Action != "branding.update" || plan.Steps[1].Action != "retention.update" {
			t.Fatalf("%+v", plan.Steps)
		}
		if now := good(k.Branding(ctx, k.owner)); now.Name != "Example" || string(now.Logo) != string(logo) {
			t.Errorf("applied: %+v", now)
		}
		if again := k.apply(k.document(), true); len(again.Steps) != 0 {
			t.Errorf("what was exported differs: %+v", again.Steps)
		}
		if left := k.apply(access.Document{Users: nil}, true); len(left.Steps) != 0 {
			t.Errorf("a document that does not speak of them: %+v", left.Steps)
		}
		_, err := k.ApplyDocument(ctx, k.actor(access.RoleApplicationAdmin), control.ApplyRequest{Document: access.Document{Branding: &access.Branding{Name: "Mine"}}})
		wantKind(t, err, fault.KindForbidden)
		_, err = k.PlanDocument(ctx, k.owner, control.ApplyRequest{Document: access.Document{Branding: &access.Branding{Colour: "#ffcc00"}, Retention: &access.Retention{AuditDays: 1}}})
		if !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), "branding.colour") || !strings.Contains(err.Error(), "retention.auditDays") {
			t.Errorf("%v", err)
		}
		if time.Since(good(k.Branding(ctx, k.owner)).Updated) > time.Hour {
			t.Error("when it was changed is not told")
		}
	})
}
