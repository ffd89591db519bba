package admin

import (
	"postern/internal/access"
	"postern/internal/control"
)

// What lists can be narrowed down by.
var (
	ofConnectorGroup  = filter{"connectorGroup", "Only those of this connector group.", access.PrefixConnectorGroup, nil}
	ofDisabled        = either("disabled", "Only those that are disabled (true), or that are not (false).")
	ofExpired         = either("expired", "Only those that have ended (true), or that have not (false).")
	ofRequestable     = either("requestable", "Only applications that users may ask for (true), or may not (false).")
	ofApplicationKind = filter{"kind", "Only web applications, private ones, or the one Quick Access.", "", words([]access.ApplicationKind{access.KindWeb, access.KindPrivate, access.KindQuickAccess})}
	ofSignIn          = filter{"preAuthentication", "Only applications that ask for a sign-in, or that pass requests through.", "", words([]access.PreAuthentication{access.SignIn, access.Passthrough})}
	ofStatus          = filter{"status", "Only connectors that are so.", "", words(control.Labels())}
	ofArchived        = filter{"archived", "Only those that are archived (true), that are not (false; so if left out), or both (any).", "", []string{"true", "false", "any"}}
	ofRole            = filter{"role", "Only those with this role.", "", words(access.Roles())}
	ofBreakGlass      = either("breakGlass", "Only users for whom no policy holds (true), or all others (false).")
	ofSecondFactor    = either("secondFactor", "Only users who have a second factor or a passkey here (true), or none (false).")
	ofGroup           = filter{"group", "Only members of this group.", access.PrefixGroup, nil}
	ofMember          = filter{"member", "Only groups that this user is a member of.", access.PrefixUser, nil}
	ofUpstream        = filter{"upstream", "Only users of this upstream.", access.PrefixUpstream, nil}
	ofLocal           = either("local", "Only users who prove here who they are (true), or at an upstream (false).")
	ofMemberGroup     = filter{"memberGroup", "Only groups that this group is in.", access.PrefixGroup, nil}
	assignedApp       = filter{"application", "Only assignments of this application.", access.PrefixApplication, nil}
	toUser            = filter{"user", "Only assignments to this user.", access.PrefixUser, nil}
	toGroup           = filter{"group", "Only assignments to this group.", access.PrefixGroup, nil}
	namingUser        = filter{"user", "Only policies that name this user, as one whom they are for or not for.", access.PrefixUser, nil}
	namingGroup       = filter{"group", "Only policies that name this group, as one whom they are for or not for.", access.PrefixGroup, nil}
	ofTokenState      = filter{"state", "Only tokens in this state.", "", []string{"unused", "used", "expired"}}
	ofExportKind      = filter{"kind", "Only those of this kind.", "", words(access.ExportKinds())}
	ofStream          = filter{"stream", "Only those that are sent this log.", "", words(access.ExportStreams())}
	ofFailing         = either("failing", "Only those that do not take what they are sent (true), or all others (false).")
)

func either(name, doc string) filter { return filter{name, doc, "", []string{"true", "false"}} }
