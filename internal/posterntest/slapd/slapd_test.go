package slapd

import "testing"

func TestStartsStopsAndStarts(t *testing.T) {
	s := New(t)
	ada := s.Person(t, "ada", "correct horse battery")
	s.Group(t, "staff", ada)
	s.Stop(t)
	if conn, err := s.dial(); err == nil {
		conn.Close()
		t.Fatal("it answers although it was stopped")
	}
	s.Start(t)
	s.Set(t, ada, "displayName", "Ada")
}
