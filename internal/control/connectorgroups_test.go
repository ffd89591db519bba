package control_test

import (
	"testing"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
)

func (k *kit) connectorGroup(g access.ConnectorGroup) access.ConnectorGroup {
	k.t.Helper()
	made, err := k.CreateConnectorGroup(k.t.Context(), k.owner, g)
	return must(k.t, made, err)
}

// TestBackupGroups: one step and no further. What would make a ring or a chain is refused, from either end, with the field.
func TestBackupGroups(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		spare := k.connectorGroup(access.ConnectorGroup{Name: "Spare"})
		site := k.connectorGroup(access.ConnectorGroup{Name: "Site", Region: "eu-west", BackupGroup: spare.ID})
		other := k.connectorGroup(access.ConnectorGroup{Name: "Other", BackupGroup: spare.ID})
		snap := k.settled()
		if backup, ok := snap.Backup(site.ID); !ok || backup != spare.ID {
			t.Errorf("the backup of Site is %q, %v", backup, ok)
		}
		tests := []struct {
			name   string
			group  access.ConnectorGroup
			backup access.ID
		}{
			{"itself", spare, spare.ID},
			{"a ring of two", spare, site.ID},
			{"a chain behind", other, site.ID},
			{"a chain before", spare, k.defaultGroup()},
			{"nobody", site, access.ID("cgr_00000000000000000000000000")},
			{"no id", site, "Spare"},
		}
		for _, test := range tests {
			g := test.group
			g.BackupGroup = test.backup
			_, err := k.UpdateConnectorGroup(t.Context(), k.owner, g)
			if !fault.Is(err, fault.KindInvalid) || firstField(err) != "backupGroup" {
				t.Errorf("%s: %v", test.name, err)
			}
		}
		_, err := k.CreateConnectorGroup(t.Context(), k.owner, access.ConnectorGroup{Name: "Fourth", BackupGroup: site.ID})
		wantKind(t, err, fault.KindInvalid)
		wantKind(t, k.DeleteConnectorGroup(t.Context(), k.owner, spare.ID, 0), fault.KindConflict)
		other.BackupGroup = ""
		other, err = k.UpdateConnectorGroup(t.Context(), k.owner, other)
		must(t, 0, err)
		// One that comes back finds that its backup has other duties, and comes back without.
		must(t, 0, k.DeleteConnectorGroup(t.Context(), k.owner, site.ID, 0))
		spare.BackupGroup = other.ID
		_, err = k.UpdateConnectorGroup(t.Context(), k.owner, spare)
		must(t, 0, err)
		back, err := k.RestoreConnectorGroup(t.Context(), k.owner, site.ID)
		if err != nil || back.BackupGroup != "" || back.Region != "eu-west" {
			t.Errorf("back: %+v, %v", back, err)
		}
	})
}

func firstField(err error) string {
	if e, ok := err.(*fault.Error); ok && len(e.Fields) > 0 {
		return e.Fields[0].Name
	}
	return ""
}

// TestDeletedGroupsLeaveTheirApplications: they fall to the default group, whichever that is by now, and say so in their history.
func TestDeletedGroupsLeaveTheirApplications(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		site := k.connectorGroup(access.ConnectorGroup{Name: "Site"})
		wiki := k.application("wiki")
		wiki.GroupID = site.ID
		wiki, err := k.UpdateApplication(t.Context(), k.owner, wiki)
		must(t, 0, err)
		hq := k.connectorGroup(access.ConnectorGroup{Name: "HQ", Default: true})
		wantKind(t, k.DeleteConnectorGroup(t.Context(), k.owner, hq.ID, 0), fault.KindConflict)
		must(t, 0, k.DeleteConnectorGroup(t.Context(), k.owner, site.ID, site.Version))
		now, err := k.Application(t.Context(), k.owner, wiki.ID)
		if err != nil || now.GroupID != hq.ID || now.Version != wiki.Version+1 {
			t.Errorf("the application: %+v, %v", now, err)
		}
		history, err := k.ApplicationHistory(t.Context(), k.owner, wiki.ID)
		if err != nil || len(history) != 3 || history[1].Object.GroupID != site.ID {
			t.Errorf("its history: %+v, %v", history, err)
		}
		if a := k.lastAudit("application.update"); a.Object != wiki.ID || a.Actor.ID != k.owner.ID {
			t.Errorf("the audit log: %+v", a)
		}
	})
}

// TestGroupsInDocuments: backups go by name, whatever the order of the groups and which of them are new or become the default.
func TestGroupsInDocuments(t *testing.T) {
	type groups = []access.ConnectorGroup
	both(t, func(t *testing.T, k *kit) {
		k.apply(access.Document{ConnectorGroups: groups{{Name: "A", BackupGroup: "z"}, {Name: "Default", BackupGroup: "Z"}, {Name: "Z", Region: "eu", Default: true}}}, false)
		doc := k.document()
		for _, g := range doc.ConnectorGroups {
			if want := map[string]access.ID{"A": "Z", "Default": "Z"}[g.Name]; g.BackupGroup != want || g.Default != (g.Name == "Z") {
				t.Errorf("%+v", g)
			}
		}
		if plan := k.apply(doc, true); len(plan.Steps) != 0 {
			t.Errorf("what was exported changes %v", steps(plan))
		}
		tests := []struct {
			name, field string
			prune       bool
			groups      groups
		}{
			{"itself", "connectorGroups[0].backupGroup", false, groups{{Name: "N", BackupGroup: "n"}}},
			{"unknown", "connectorGroups[0].backupGroup", false, groups{{Name: "N", BackupGroup: "Mars"}}},
			{"a chain behind", "connectorGroups[0].backupGroup", false, groups{{Name: "N", BackupGroup: "A"}}},
			{"a chain before", "connectorGroups[0].backupGroup", false, groups{{Name: "Z", BackupGroup: "N", Default: true}, {Name: "N"}}},
			{"gone", "connectorGroups[0].backupGroup", true, groups{{Name: "A", BackupGroup: "Z"}, {Name: "Default", Default: true}}},
			{"no region", "connectorGroups[0].region", false, groups{{Name: "N", Region: " "}}},
		}
		for _, test := range tests {
			_, err := k.PlanDocument(t.Context(), k.owner, control.ApplyRequest{Document: access.Document{ConnectorGroups: test.groups}, Prune: test.prune})
			if !fault.Is(err, fault.KindInvalid) || firstField(err) != test.field {
				t.Errorf("%s: %v", test.name, err)
			}
		}
		// Roles change places in one go, and the spare one goes away.
		k.apply(access.Document{ConnectorGroups: groups{{Name: "Default", Default: true}, {Name: "A", BackupGroup: "Default"}}}, true)
		if doc := k.document(); len(doc.ConnectorGroups) != 2 || doc.ConnectorGroups[0].BackupGroup != "Default" {
			t.Errorf("%+v", doc.ConnectorGroups)
		}
	})
}
