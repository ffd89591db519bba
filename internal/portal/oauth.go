package portal

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/web"
)

// Programs is the part of the control plane that signs in programs: OAuth for our own ones, and for
// those of published applications.
type Programs interface {
	// Issuer names this authorization server.
	Issuer() string
	// CheckProgram says what to ask the person whose browser a program's request came through.
	CheckProgram(in control.ProgramRequest) (control.ProgramAsk, error)
	// AllowProgram gives where to send that browser with the code; ProgramAnswer, with another answer.
	AllowProgram(ctx context.Context, by access.Actor, who access.Principal, in control.ProgramRequest) (redirect string, err error)
	ProgramAnswer(in control.ProgramRequest, answer url.Values) string
	// RefuseProgram gives where to send it when that person said no.
	RefuseProgram(ctx context.Context, by access.Actor, who access.Principal, in control.ProgramRequest) (redirect string, err error)
	// SignInHere signs a request to come back to a path of the portal after signing in.
	SignInHere(path string) (request string, err error)
	// BeginDevice, DeviceAsk and DecideDevice sign in a program that has no browser.
	BeginDevice(ctx context.Context, by access.Actor, in control.DeviceRequest) (control.DeviceAnswer, error)
	DeviceAsk(ctx context.Context, by access.Actor, who access.Principal, code string) (control.ProgramAsk, error)
	DecideDevice(ctx context.Context, by access.Actor, who access.Principal, code string, allow bool) error
	ProgramTokens(ctx context.Context, by access.Actor, in control.TokenRequest) (control.Tokens, error)
	RevokeToken(ctx context.Context, by access.Actor, client, token string) error
	OAuthKeys() []control.JWK
}

//go:embed program.html
var programText string

//go:embed device.html
var deviceText string

var (
	programTemplate = template.Must(template.New("program").Parse(programText))
	deviceTemplate  = template.Must(template.New("device").Parse(deviceText))
)

// oauth adds what programs sign in with.
func (p *portal) oauth(mux *http.ServeMux) {
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", p.oauthMetadata)
	mux.HandleFunc("GET /.well-known/openid-configuration", p.oauthMetadata)
	mux.HandleFunc("GET /oauth/keys", p.keys)
	mux.HandleFunc("GET /oauth/authorize", p.page(p.askProgram))
	mux.HandleFunc("POST /oauth/authorize", p.page(p.decideProgram))
	mux.HandleFunc("POST /oauth/device", p.machine(p.beginDevice))
	mux.HandleFunc("POST /oauth/token", p.machine(p.token))
	mux.HandleFunc("POST /oauth/revoke", p.machine(p.revoke))
	mux.HandleFunc("GET /device", p.page(p.deviceForm))
	mux.HandleFunc("POST /device", p.page(p.askDevice))
	mux.HandleFunc("POST /device/decide", p.page(p.decideDevice))
}

// oauthMetadata tells programs where everything is (RFC 8414, OpenID Connect Discovery).
func (p *portal) oauthMetadata(w http.ResponseWriter, _ *http.Request) {
	at := p.Programs.Issuer()
	answerJSON(w, http.StatusOK, map[string]any{
		"issuer": at, "authorization_endpoint": at + "/oauth/authorize", "token_endpoint": at + "/oauth/token",
		"device_authorization_endpoint": at + "/oauth/device", "revocation_endpoint": at + "/oauth/revoke", "jwks_uri": at + "/oauth/keys",
		"response_types_supported": []string{"code"}, "response_modes_supported": []string{"query"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token", control.GrantDevice},
		"token_endpoint_auth_methods_supported":          []string{"none"},
		"revocation_endpoint_auth_methods_supported":     []string{"none"},
		"code_challenge_methods_supported":               []string{"S256"},
		"authorization_response_iss_parameter_supported": true,
		"scopes_supported":                               []string{"openid", "offline_access"},
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          []string{"ES256"},
		"claims_supported":                               []string{"sub", "preferred_username", "auth_time", "amr", "sid"},
	})
}

func (p *portal) keys(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, map[string]any{"keys": p.Programs.OAuthKeys()})
}

func answerJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil { // maps, lists and words: cannot fail
		http.Error(w, "the answer could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
}

// machine makes a handler of one for programs, which get errors as OAuth spells them.
func (p *portal) machine(serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		err := r.ParseForm()
		if err != nil {
			err = fault.New(fault.KindInvalid, "the form was not understood")
		}
		for name, values := range r.PostForm {
			if len(values) > 1 && err == nil {
				err = fault.New(fault.KindInvalid, "%s is there twice", name)
			}
		}
		if err == nil {
			err = serve(w, r)
		}
		if err != nil {
			p.machineError(w, r, err)
		}
	}
}

// machineError answers as RFC 6749, section 5.2, has it.
func (p *portal) machineError(w http.ResponseWriter, r *http.Request, err error) {
	doc := web.Describe(r.Context(), err)
	status := http.StatusBadRequest
	code, known := errors.AsType[control.OAuthCode](err)
	if !known {
		code, status = "invalid_request", doc.Status
		switch fault.KindOf(err) {
		case fault.KindInvalid:
			status = http.StatusBadRequest
		case fault.KindInternal:
			p.Log.Error("token request failed", "error", err, "request", doc.Reference)
			code = "server_error"
		case fault.KindUnavailable, fault.KindTimeout, fault.KindLimited:
			code = "temporarily_unavailable"
		}
	} else if fault.Is(err, fault.KindLimited) || code == "invalid_client" {
		status = doc.Status
	}
	web.RetryAfter(w.Header(), err)
	answerJSON(w, status, map[string]string{"error": string(code), "error_description": asciiOnly(doc.Detail), "reference": doc.Reference})
}

// asciiOnly keeps what an error_description may hold (RFC 6749, section 5.2).
func asciiOnly(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '\''
		}
		return r
	}, text)
}

func (p *portal) token(w http.ResponseWriter, r *http.Request) error {
	f := r.PostForm
	client, err := clientOf(r)
	if err != nil {
		return err
	}
	got, err := p.Programs.ProgramTokens(r.Context(), anyone(r), control.TokenRequest{
		Type: f.Get("grant_type"), Client: client, Code: f.Get("code"), Redirect: f.Get("redirect_uri"), Verifier: f.Get("code_verifier"),
		Refresh: f.Get("refresh_token"), Device: f.Get("device_code"), Resource: f.Get("resource"), UserAgent: r.UserAgent(),
	})
	if err != nil {
		return err
	}
	answer := map[string]any{"access_token": got.Access, "token_type": "Bearer", "expires_in": int(got.Expires.Seconds()), "refresh_token": got.Refresh}
	if got.Scope != "" {
		answer["scope"] = got.Scope
	}
	if got.ID != "" {
		answer["id_token"] = got.ID
	}
	answerJSON(w, http.StatusOK, answer)
	return nil
}

// clientOf gives the client_id. Some libraries send that of a public client in the header of
// confidential ones, with an empty secret.
func clientOf(r *http.Request) (string, error) {
	user, password, basic := r.BasicAuth()
	if !basic {
		return r.PostForm.Get("client_id"), nil
	}
	name, err := url.QueryUnescape(user)
	if err != nil || password != "" || r.PostForm.Has("client_id") && r.PostForm.Get("client_id") != name {
		return "", fault.Unauthenticated("the clients of this service have no secret").Because(control.OAuthCode("invalid_client"))
	}
	return name, nil
}

func (p *portal) revoke(w http.ResponseWriter, r *http.Request) error {
	client, err := clientOf(r)
	if err != nil {
		return err
	}
	if err := p.Programs.RevokeToken(r.Context(), anyone(r), client, r.PostForm.Get("token")); err != nil {
		return err
	}
	answerJSON(w, http.StatusOK, struct{}{})
	return nil
}

func (p *portal) beginDevice(w http.ResponseWriter, r *http.Request) error {
	f := r.PostForm
	client, err := clientOf(r)
	if err != nil {
		return err
	}
	got, err := p.Programs.BeginDevice(r.Context(), anyone(r), control.DeviceRequest{
		Client: client, Resource: f.Get("resource"), Scope: f.Get("scope"), Name: f.Get("device_name"),
	})
	if err != nil {
		return err
	}
	at := p.Programs.Issuer() + "/device"
	answerJSON(w, http.StatusOK, map[string]any{
		"device_code": got.Device, "user_code": got.User, "verification_uri": at,
		"verification_uri_complete": at + "?" + url.Values{"user_code": {got.User}}.Encode(),
		"expires_in":                int(got.Expires.Seconds()), "interval": int(control.PollInterval.Seconds()),
	})
	return nil
}

// signInFirst gives who is signed in. Others are sent to sign in and come back to the path.
func (p *portal) signInFirst(w http.ResponseWriter, r *http.Request, path string) (*access.Principal, error) {
	who, err := p.session(r)
	if err != nil || who != nil {
		return who, err
	}
	request, err := p.Programs.SignInHere(path)
	if err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/sign-in?"+url.Values{"request": {request}}.Encode(), http.StatusSeeOther)
	return nil, nil
}

// programRequest reads what a program asks. A parameter that is there twice could be read in two ways.
func programRequest(q url.Values) (in control.ProgramRequest, err error) {
	for name, values := range q {
		if len(values) > 1 {
			return in, fault.Invalid(strconv.Quote(name), "must be there once only")
		}
	}
	return control.ProgramRequest{
		Client: q.Get("client_id"), Redirect: q.Get("redirect_uri"), Type: q.Get("response_type"), Challenge: q.Get("code_challenge"),
		Method: q.Get("code_challenge_method"), Resource: q.Get("resource"), Scope: q.Get("scope"), Nonce: q.Get("nonce"),
		State: q.Get("state"), Name: q.Get("device_name"),
	}, nil
}

func programQuery(in control.ProgramRequest) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"client_id": in.Client, "redirect_uri": in.Redirect, "response_type": in.Type, "code_challenge": in.Challenge,
		"code_challenge_method": in.Method, "resource": in.Resource, "scope": in.Scope, "nonce": in.Nonce, "state": in.State, "device_name": in.Name,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// checkedProgram reads and checks a program's request. Where it may be told, a refusal goes back to
// the program, and done is true; never to an address that is not a program's on this machine.
func (p *portal) checkedProgram(w http.ResponseWriter, r *http.Request, q url.Values) (in control.ProgramRequest, ask control.ProgramAsk, done bool, err error) {
	if in, err = programRequest(q); err != nil {
		return in, ask, false, err
	}
	ask, err = p.Programs.CheckProgram(in)
	if code, ok := errors.AsType[control.OAuthCode](err); ok {
		doc := web.Describe(r.Context(), err)
		http.Redirect(w, r, p.Programs.ProgramAnswer(in, url.Values{"error": {string(code)}, "error_description": {asciiOnly(doc.Detail)}}), http.StatusSeeOther)
		return in, ask, true, nil
	}
	return in, ask, false, err
}

// askProgram asks somebody whether a program on their machine may sign in as them. They are always
// asked: what a program says of itself proves nothing (RFC 8252, section 8.6).
func (p *portal) askProgram(w http.ResponseWriter, r *http.Request) error {
	in, ask, done, err := p.checkedProgram(w, r, r.URL.Query())
	if err != nil || done {
		return programTrouble(err)
	}
	who, err := p.signInFirst(w, r, "/oauth/authorize?"+programQuery(in).Encode())
	if err != nil || who == nil {
		return err
	}
	allowForm(w.Header(), in.Redirect)
	return p.showProgram(w, r, programData{Ask: ask, Who: who.Name, Action: "/oauth/authorize", Request: programQuery(in).Encode()})
}

// programTrouble says what is wrong with a program's request on a page for its developer, since the
// program cannot be told.
func programTrouble(err error) error {
	if !fault.Is(err, fault.KindInvalid) {
		return err
	}
	return fault.New(fault.KindNotFound, "The program that sent you here asked in a way that is not allowed: %s.", err)
}

type programData struct {
	Ask     control.ProgramAsk
	Who     string
	Action  string
	Request string // of a program with a browser
	Code    string // of one without
}

func (p *portal) showProgram(w http.ResponseWriter, r *http.Request, data programData) error {
	body, err := web.Render(programTemplate, data)
	if err != nil {
		return err
	}
	web.Page{Title: "Sign in a program?", Body: body}.Write(w, r)
	return nil
}

// allowForm lets the form's answer lead to the program; see allowReturn. A policy cannot name an IPv6
// address.
func allowForm(h http.Header, redirect string) {
	source := "http:"
	if u, err := url.Parse(redirect); err == nil && !strings.Contains(u.Host, "[") {
		source = "http://" + u.Host
	}
	h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "form-action 'self'", "form-action 'self' "+source, 1))
}

func (p *portal) decideProgram(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return errForm
	}
	q, err := url.ParseQuery(r.PostForm.Get("request"))
	if err != nil {
		return errForm
	}
	in, _, done, err := p.checkedProgram(w, r, q)
	if err != nil || done {
		return programTrouble(err)
	}
	who, err := p.signInFirst(w, r, "/oauth/authorize?"+programQuery(in).Encode())
	if err != nil || who == nil {
		return err
	}
	allowForm(w.Header(), in.Redirect)
	decide := p.Programs.AllowProgram
	if r.PostForm.Get("answer") != "allow" {
		decide = p.Programs.RefuseProgram
	}
	target, err := decide(r.Context(), actor(r, who), *who, in)
	if err != nil {
		return err
	}
	http.Redirect(w, r, target, http.StatusSeeOther)
	return nil
}
