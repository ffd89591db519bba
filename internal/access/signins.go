package access

import "time"

// SignInEvent says what somebody tried.
type SignInEvent string

// The events of the sign-in log.
const (
	EventSignIn   SignInEvent = "sign-in"   // at the portal, by whichever way
	EventConfirm  SignInEvent = "confirm"   // once more, by somebody signed in who changes their account
	EventHandOver SignInEvent = "hand-over" // from the portal to an application's host
	EventAccess   SignInEvent = "access"    // of an application, by somebody signed in; noted when it is denied
	EventRefresh  SignInEvent = "refresh"   // of a program's tokens
	EventKey      SignInEvent = "key"       // an access key, API key or token was shown: the first time in a while from an address
	EventSignOut  SignInEvent = "sign-out"  // a session ended; the reason says why
)

// SignInEvents lists them.
func SignInEvents() []SignInEvent {
	return []SignInEvent{EventSignIn, EventConfirm, EventHandOver, EventAccess, EventRefresh, EventKey, EventSignOut}
}

// SignInResult says what came of it.
type SignInResult string

// The results of what the sign-in log tells of.
const (
	ResultSuccess     SignInResult = "success"
	ResultFailure     SignInResult = "failure"     // who it is was not proven
	ResultDenied      SignInResult = "denied"      // it was, and the answer is no
	ResultInterrupted SignInResult = "interrupted" // one proof was good, another is asked for
)

// SignInResults lists them.
func SignInResults() []SignInResult {
	return []SignInResult{ResultSuccess, ResultFailure, ResultDenied, ResultInterrupted}
}

// The reasons why a sign-in did not succeed, beside those of policy decisions: stable words.
const (
	ReasonWrongPassword  = "wrong-password"
	ReasonUnknownUser    = "unknown-user"
	ReasonUserDisabled   = "user-disabled" // here, or in the directory that knows the user
	ReasonUserExpired    = "user-expired"  // in the directory, as all down to restricted
	ReasonLockedOut      = "locked-out"    // after wrong passwords
	ReasonPasswordOld    = "password-expired"
	ReasonMustChange     = "must-change-password"
	ReasonAmbiguous      = "ambiguous-name"  // more than one entry has the name
	ReasonRestricted     = "restricted"      // by hour, by place, or by too many groups
	ReasonOtherUser      = "other-user"      // confirmed as somebody else than who is signed in
	ReasonWrongFactor    = "wrong-factor"    // a code, passkey or recovery code was not good
	ReasonSecondFactor   = "second-factor"   // one is asked for now
	ReasonEnrolFactor    = "enrol-factor"    // one is to be added now
	ReasonThrottled      = "throttled"       // too many attempts
	ReasonStepOver       = "step-over"       // took too long, was completed already, or began in another browser
	ReasonInvalid        = "invalid-request" // what came was no sign-in of ours
	ReasonUpstreamDenied = "upstream-denied" // the upstream said no
	ReasonUpstreamFailed = "upstream-failed" // what the upstream said was not good
	ReasonMapping        = "mapping"         // what the upstream said gives no user
	ReasonOther          = "other"
)

// The reasons of programs and of what they show.
const (
	ReasonRefused       = "refused"        // the person who was asked said no
	ReasonWrongCode     = "wrong-code"     // of a program without a browser; or a program's code was not good
	ReasonReused        = "reused"         // a code or refresh token was shown a second time; also of the sign-out
	ReasonSessionOver   = "session-over"   // that the program had
	ReasonWrongKey      = "wrong-key"      // nobody has such a key
	ReasonKeyExpired    = "key-expired"    // or it is older than the user's password
	ReasonKeyElsewhere  = "key-elsewhere"  // it is for another application
	ReasonWrongAudience = "wrong-audience" // the token is for something else
	ReasonWrongDevice   = "wrong-device"   // the token is of a session that is not the device's
)

// The reasons why sessions end, which a sign-out has though it succeeds.
const (
	ReasonSignedOut        = "signed-out"       // by the user
	ReasonRevoked          = "revoked"          // by an administrator
	ReasonPasswordChanged  = "password-changed" // and so all sessions ended
	ReasonFactorRemoved    = "factor-removed"   // by the user, and so the other sessions ended
	ReasonUpstreamEnded    = "upstream-ended"   // the upstream's session is over
	ReasonUpstreamDisabled = "upstream-disabled"
	ReasonDeviceRevoked    = "device-revoked" // the device that the session was bound to, or it was deleted
)

// SignInEntry tells of one attempt to sign in or to use an application. It is no part of the
// configuration's history: it is written in batches and kept for a shorter time.
type SignInEntry struct {
	ID              ID
	Seq             uint64 // in the order of export; 0 until that is known
	Time            time.Time
	Event           SignInEvent
	Result          SignInResult
	Reason          string // a stable word, empty for a success that is no sign-out
	Message         string // a sentence for the administrator
	User            ID     // empty: nobody known
	UserName        string // of a known user only: people type passwords there by mistake
	Application     ID
	ApplicationName string
	Upstream        ID // which proved who it is; empty for a local account
	UpstreamName    string
	Methods         []string // that were good so far
	Policy          string   // that said no
	ReportOnly      []string // policies that would have said no if they were enforced
	Session         ID
	Address         string
	UserAgent       string
	Request         string // id of the request, the reference of error pages
	Gateway         ID     // that denied
	Client          string // id of the program, of an OAuth sign-in; or of the access key or API key
	Unrecorded      int    // how many others had no room before it
}
