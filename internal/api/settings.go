package api

import (
	"context"
	"net/http"
)

// Settings are the flags of the service that answers, as they are in force, without secrets.
type Settings struct {
	Items []Setting `json:"items" doc:"The flags of postern serve, in the order of its help."`
}

// Setting is one flag of postern serve.
type Setting struct {
	Name  string `json:"name" doc:"The flag." example:"url"`
	Value string `json:"value" doc:"What is in force; empty for none." example:"https://postern.example.com"`
	Set   bool   `json:"set" doc:"It was given at the start, by the flag or its environment variable; else it is what is usual."`
}

// Settings gives the flags of the service that answers.
func (c *Client) Settings(ctx context.Context) (Settings, error) {
	var s Settings
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"settings"}, out: &s})
	return s, err
}
