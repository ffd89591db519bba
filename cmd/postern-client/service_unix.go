//go:build unix

package main

import "context"

// serve runs the client below the system's manager of services, which ends it by a signal.
func (u *upFlags) serve(ctx context.Context) error { return u.run(ctx) }

// useServiceSettings does nothing: the manager of services puts them into the environment.
func useServiceSettings() {}
