package control

import (
	"fmt"

	"postern/internal/access"
)

// checkBackup finds the backup of a group of the document, and refuses rings and chains as they would be afterwards.
func (p *planner) checkBackup(i int) {
	g := &p.doc.ConnectorGroups[i]
	if g.BackupGroup == "" {
		return
	}
	field := fmt.Sprintf("connectorGroups[%d].backupGroup", i)
	g.BackupGroup = p.refer(field, access.PrefixConnectorGroup, g.BackupGroup)
	for name, backup := range p.backups() {
		switch {
		case name == folded(g.Name):
			if backup == name {
				p.problems.Add(field, "must be another group than this one")
				return
			}
		case name == folded(string(g.BackupGroup)):
			p.problems.Add(field, "must be a group without a backup group of its own, which %q has", g.BackupGroup)
			return
		case backup == folded(g.Name):
			p.problems.Add(field, "must be left out, since this group is the backup group of %q itself", name)
			return
		}
	}
}

// backups gives, by folded names, which group will be the backup of which.
func (p *planner) backups() map[string]string {
	will := map[string]string{}
	for i := range p.w.doc.ConnectorGroups {
		old := &p.w.doc.ConnectorGroups[i]
		if _, stays := p.names[reference(access.PrefixConnectorGroup, old.Name)]; stays && old.BackupGroup != "" {
			will[folded(old.Name)] = folded(string(old.BackupGroup))
		}
	}
	for i := range p.doc.ConnectorGroups {
		g := &p.doc.ConnectorGroups[i]
		delete(will, folded(g.Name))
		if g.BackupGroup != "" {
			will[folded(g.Name)] = folded(string(g.BackupGroup))
		}
	}
	return will
}
