package wire

// AskReach asks a connector whether it reaches an application's target, by its own configuration and local rules, as they
// are for every stream. It connects, and hangs up: no byte of a stream goes there.
type AskReach struct {
	Application string `json:"application"`
	Version     int64  `json:"version"` // of the application that the asker knows
}

// Reach is what came of it: one of the two.
type Reach struct {
	Opened  *Opened  `json:"opened,omitempty"`
	Refusal *Refusal `json:"refusal,omitempty"`
}
