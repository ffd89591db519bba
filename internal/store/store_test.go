package store_test

import (
	"errors"
	"slices"
	"testing"

	"postern/internal/fault"
)

// TestStore holds what the store promises, on both engines.
func TestStore(t *testing.T) {
	keepOnBoth(t, []promise{
		{"applications", applicationsBehave},
		{"applications move", applicationsMove},
		{"connector groups", connectorGroupNoun.behaves},
		{"one default group", oneDefaultGroup},
		{"groups in use stay", groupsInUseStay},
		{"connectors", connectorsBehave},
		{"connectors are seen", connectorsAreSeen},
		{"series are kept", seriesAreKept},
		{"branding is kept", brandingIsKept},
		{"retention is kept", retentionIsKept},
		{"clients are kept", clientsAreKept},
		{"discoveries add up", discoveriesAddUp},
		{"logos are kept", logosAreKept},
		{"what connectors tell is kept", connectorStatesAreKept},
		{"active users are counted", activeUsersAreCounted},
		{"backups hold no measurements", backupsHoldNoMeasurements},
		{"users", userNoun.behaves},
		{"users have passwords", usersHavePasswords},
		{"users are found by name", usersAreFoundByName},
		{"users with a role", usersWithRole},
		{"upstreams", upstreamNoun.behaves},
		{"upstreams have secrets", upstreamsHaveSecrets},
		{"users come from upstreams", usersComeFromUpstreams},
		{"upstream sessions are claimed once", upstreamSessionsAreClaimedOnce},
		{"reproofs are claimed once, and doubt is kept", reproofsAreClaimedOnce},
		{"groups", groupNoun.behaves},
		{"groups have members", groupsHaveMembers},
		{"groups lie in groups", groupsLieInGroups},
		{"endings come in rows", endingsComeInRows},
		{"policies", policyNoun.behaves},
		{"policies forget what is gone", policiesForgetWhatIsGone},
		{"policies of later programs", policiesOfLaterPrograms},
		{"access requests", requestNoun.behaves},
		{"access requests are found", requestsAreFound},
		{"assignments", assignmentsBehave},
		{"assignments are of a user or a group", assignmentsAreOneOfBoth},
		{"tokens", tokenNoun.behaves},
		{"tokens are spent once", tokensAreSpentOnce},
		{"old tokens go", oldTokensGo},
		{"keys", keyNoun.behaves},
		{"access keys", accessKeyNoun.behaves},
		{"access keys are found by their hash", accessKeysAreFoundByHash},
		{"devices", deviceNoun.behaves},
		{"devices are found and bound", devicesAreFoundAndBound},
		{"devices keep their key", devicesKeepTheirKey},
		{"codes of programs are spent once", programCodesAreSpentOnce},
		{"programs wait to be allowed", programsWait},
		{"refresh tokens go with their session", refreshTokensGo},
		{"keys are found by hash", keysAreFoundByHash},
		{"public certificates", publicCertificateNoun.behaves},
		{"public certificates have keys", publicCertificatesHaveKeys},
		{"certificates of our own", certificatesLive},
		{"sessions come back", sessionsComeBack},
		{"sessions end", sessionsEnd},
		{"sessions expire", sessionsExpire},
		{"codes are spent once", codesAreSpentOnce},
		{"deleted things take theirs along", deletedThingsTakeTheirsAlong},
		{"endings count", endingsCount},
		{"audit", auditIsRead},
		{"factors come back", factorsComeBack},
		{"what is good once", onceOnly},
		{"links replace each other", linksReplaceEachOther},
		{"what is taken names the field", takenNamesTheField},
		{"nasty text comes back", nastyTextComesBack},
		{"impossible text is refused", impossibleTextIsRefused},
		{"oversized names", oversizedNames},
		{"moments come back", momentsComeBack},
		{"all or nothing", allOrNothing},
		{"reads cannot write", readsCannotWrite},
		{"reads see one moment", readsSeeOneMoment},
		{"large takes longer", largeTakesLonger},
		{"waiting ends", waitingEnds},
		{"secrets come back", secretsComeBack},
		{"sealed values stay where they are", sealedValuesStay},
		{"first starts at once", firstStartsAtOnce},
		{"replicas without the key", replicasWithoutTheKey},
		{"opens again", opensAgain},
		{"processes at once", processesAtOnce},
		{"pings", pings},
	})
}

// errUndo undoes a write on purpose.
var errUndo = errors.New("undo")

func errFirst(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// wantFields fails the test unless the error names exactly these fields.
func wantFields(t *testing.T, err error, want ...string) {
	t.Helper()
	var got []string
	if e, ok := errors.AsType[*fault.Error](err); ok {
		for _, f := range e.Fields {
			got = append(got, f.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the error %v names %q, want %q", err, got, want)
	}
}
