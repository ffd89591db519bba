package api

// AccessKey is a secret with which a user's programs use one application.
type AccessKey struct {
	Meta
	Name        string   `json:"name" doc:"What its user calls it."`
	User        string   `json:"user" doc:"Whose it is."`
	Application string   `json:"application" doc:"What it opens."`
	Methods     []string `json:"methods" doc:"How its user had signed in when it was made."`
	Expires     Time     `json:"expires" doc:"When it is good no more."`
	LastUsed    Time     `json:"lastUsed,omitzero" doc:"When it was last used; absent for never."`
}

// AccessKeys are the keys that users made for their own programs.
type AccessKeys struct {
	reads[AccessKey]
	shows[AccessKey]
	deletes
}
