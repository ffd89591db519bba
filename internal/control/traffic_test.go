package control_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/trafficlog"
	"postern/internal/wire"
)

// keepTraffic starts the control plane anew, with a traffic log.
func (k *kit) keepTraffic(limits trafficlog.Limits) *trafficlog.Log {
	k.t.Helper()
	k.stop()
	log := startTraffic(k.t, limits)
	k.cfg.Traffic = log
	k.Control = k.open()
	k.run()
	return log
}

func startTraffic(t *testing.T, limits trafficlog.Limits) *trafficlog.Log {
	t.Helper()
	log, err := trafficlog.New(trafficlog.Config{Dir: t.TempDir(), Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if err := log.Flush(t.Context()); err != nil { // it is open now
		t.Fatal(err)
	}
	return log
}

// pass records requests of a user.
func pass(t *testing.T, log *trafficlog.Log, user access.User, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		log.Record(wire.Record{Time: time.Now().UTC(), Request: fmt.Sprint("req", n), User: user.Name, UserID: string(user.ID), Client: "203.0.113.9:4711", UserAgent: "curl",
			Method: "GET", Host: "wiki.example.com", Path: fmt.Sprint("/", n), Status: 200, Outcome: wire.OutcomeForwarded, Action: "allow", Complete: true})
	}
	if err := log.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// trafficState gives how far a destination is with a traffic log.
func (k *kit) trafficState(id access.ID, log *trafficlog.Log) access.ExportState {
	k.t.Helper()
	for _, s := range given(k.Export(k.t.Context(), k.owner, id))(k.t).States {
		if s.Stream == access.StreamTraffic && s.Log == log.ID() {
			return s
		}
	}
	return access.ExportState{}
}

// TestTrafficIsSent: each service sends its own log, in order, over failures and restarts; what went before it could be sent is told.
func TestTrafficIsSent(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		log := k.keepTraffic(trafficlog.Limits{Bytes: 40_000, Segment: 4_000, Block: 2_000})
		ada := k.user("ada")
		r := newReceiver(t)
		pass(t, log, ada, 0, 10)
		e := k.export("SIEM", r.address, access.StreamTraffic)
		pass(t, log, ada, 10, 20)
		eventually(t, "the log arrives", func() bool { return len(r.of("traffic")) >= 20 })
		inOrder(t, r.of("traffic"), 1)
		if first := r.of("traffic")[0]; first.ID != log.ID()+"-1" {
			t.Errorf("%+v", first)
		}
		eventually(t, "it shows", func() bool { s := k.trafficState(e.ID, log); return s.Seq == 20 && s.Waiting == 0 })
		if s := k.trafficState(e.ID, log); s.Gateway != k.cfg.Gateway.Address || s.Sent.IsZero() || s.Error != "" {
			t.Errorf("%+v", s)
		}

		r.stop() // while nobody listens the log turns over
		pass(t, log, ada, 20, 30)
		eventually(t, "the failure shows", func() bool {
			s := k.trafficState(e.ID, log)
			return s.Error != "" && !s.Failing.IsZero() && s.Waiting > 0
		})
		for _, first := log.Head(); first < 100; _, first = log.Head() {
			head, _ := log.Head()
			pass(t, log, ada, int(head), int(head)+200)
		}
		pass(t, log, ada, 100_000, 100_001)
		head, _ := log.Head()
		// What is sent from now on was read when all had turned over: the attempt before knew of all that waits.
		eventually(t, "another attempt failed", func() bool { return k.trafficState(e.ID, log).Waiting == int64(head)-20 })
		r.start()
		eventually(t, "what is left arrives", func() bool { list := r.of("traffic"); return list[len(list)-1].Seq == head })
		eventually(t, "the loss shows", func() bool {
			s := k.trafficState(e.ID, log)
			return s.Seq == head && s.Missed >= 80 && s.Error == "" && s.Waiting == 0
		})
		list := r.of("traffic")
		gap := slices.IndexFunc(list, func(e exported) bool { return e.Seq > 20 })
		inOrder(t, list[:gap], 1)
		inOrder(t, list[gap:], list[gap].Seq)
		if s := k.trafficState(e.ID, log); s.Missed != list[gap].Seq-21 {
			t.Errorf("%d missed, and it goes on with %d", s.Missed, list[gap].Seq)
		}

		other := k.cfg // a second service, which has its own log and begins where the export did
		other.Gateway = access.Gateway{ID: access.NewID(access.PrefixGateway, time.Now()), Address: "second.example.com:443"}
		other.Traffic = startTraffic(t, trafficlog.Limits{})
		pass(t, other.Traffic, ada, 0, 7)
		k.stop()
		mine := k.cfg
		k.cfg = other
		k.Control = k.open()
		k.run()
		eventually(t, "the other log arrives", func() bool { return k.trafficState(e.ID, other.Traffic).Seq == 7 })
		if s := k.trafficState(e.ID, log); s.Seq != head || s.Gateway != mine.Gateway.Address {
			t.Errorf("of the first: %+v", s)
		}
		e.Streams = []access.ExportStream{access.StreamAudit}
		e.Version = given(k.Export(t.Context(), k.owner, e.ID))(t).Version
		if _, err := k.UpdateExport(t.Context(), k.owner, e); err != nil {
			t.Fatal(err)
		}
		if s := k.trafficState(e.ID, other.Traffic); s.Log != "" {
			t.Errorf("without the stream: %+v", s)
		}
	})
}

// TestTrafficBeginsWhenAsked: without the beginning, what was over before is not sent.
func TestTrafficBeginsWhenAsked(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		log := k.keepTraffic(trafficlog.Limits{})
		ada := k.user("ada")
		pass(t, log, ada, 0, 10)
		r := newReceiver(t)
		_, err := k.CreateExport(t.Context(), k.owner, control.NewExport{Export: access.Export{Name: "SIEM", Kind: access.ExportSyslog,
			URL: "tcp://" + r.address, Streams: []access.ExportStream{access.StreamTraffic}, AllowLoopback: true}})
		if err != nil {
			t.Fatal(err)
		}
		pass(t, log, ada, 10, 15)
		eventually(t, "what came then arrives", func() bool { list := r.of("traffic"); return len(list) > 0 && list[len(list)-1].Seq == 15 })
		inOrder(t, r.of("traffic"), 11)
	})
}

// TestTrafficIsErased: erasing a user reaches the traffic log, and what is recorded afterwards, too.
func TestTrafficIsErased(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		log := k.keepTraffic(trafficlog.Limits{})
		ada, bob := k.user("ada"), k.user("bob")
		pass(t, log, ada, 0, 5)
		pass(t, log, bob, 5, 10)
		if _, err := k.EraseUser(t.Context(), k.owner, ada.ID); err != nil {
			t.Fatal(err)
		}
		told := func(user access.User) (n, named int) {
			page, err := k.Traffic(t.Context(), k.owner, control.TrafficQuery{Filter: wire.TrafficFilter{User: string(user.ID)}})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Records {
				if r.User != "" || r.Client != "" || r.Path != "" || r.UserAgent != "" {
					named++
				}
			}
			return len(page.Records), named
		}
		eventually(t, "the log forgets her", func() bool { n, named := told(ada); return n == 5 && named == 0 })
		pass(t, log, ada, 10, 11)
		if n, named := told(ada); n != 6 || named != 0 {
			t.Errorf("%d records, %d of which tell of her", n, named)
		}
		if n, named := told(bob); n != 5 || named != 5 {
			t.Errorf("of another: %d records, %d name him", n, named)
		}
	})
}

// TestTrafficLogThatFails is a finding, and a page says whose records are missing.
func TestTrafficLogThatFails(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		found := func() bool {
			return slices.ContainsFunc(k.Findings(t.Context()), func(f control.Finding) bool { return f.Code == "traffic-log-failing" })
		}
		page := func() control.TrafficPage {
			page, err := k.Traffic(t.Context(), k.owner, control.TrafficQuery{})
			if err != nil {
				t.Fatal(err)
			}
			return page
		}
		if why := page().Incomplete; len(why) != 1 || !strings.Contains(why[0].Why, "is off") || found() {
			t.Errorf("without a log: %+v", why)
		}
		log := k.keepTraffic(trafficlog.Limits{})
		if why := page().Incomplete; len(why) != 0 || found() {
			t.Errorf("with a log: %+v", why)
		}
		k.stop()
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		broken, err := trafficlog.New(trafficlog.Config{Dir: filepath.Join(file, "traffic")})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- broken.Run(ctx) }()
		if err := broken.Flush(t.Context()); err == nil {
			t.Error("a log below a file is written")
		}
		k.cfg.Traffic = broken
		k.Control = k.open()
		k.run()
		if why := page().Incomplete; len(why) != 1 || !strings.Contains(why[0].Why, "records nothing at the moment") || !found() {
			t.Errorf("with a log that fails: %+v", why)
		}
		cancel()
		if err := <-done; err != nil || log.Problem() != nil {
			t.Error(err, log.Problem())
		}
	})
}

// TestTrafficIsForFew: only who may read logs of what people do, and only good questions are answered.
func TestTrafficIsForFew(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		log := k.keepTraffic(trafficlog.Limits{})
		pass(t, log, k.user("ada"), 0, 25)
		for _, role := range access.Roles() {
			_, err := k.Traffic(t.Context(), k.actor(role), control.TrafficQuery{})
			if may := role == access.RoleOwner || role == access.RoleLogReader; (err == nil) != may || err != nil && !fault.Is(err, fault.KindForbidden) {
				t.Errorf("%s: %v", role, err)
			}
		}
		if _, err := k.Traffic(t.Context(), anyone(), control.TrafficQuery{}); !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("anyone: %v", err)
		}
		for _, bad := range []control.TrafficQuery{{After: "x"}, {After: "e30"}, {After: strings.Repeat("A", 20_000)}, {Filter: wire.TrafficFilter{Client: "here"}}} {
			if _, err := k.Traffic(t.Context(), k.owner, bad); !fault.Is(err, fault.KindInvalid) {
				t.Errorf("%.40v: %v", bad, err)
			}
		}
		var got []string
		for q := (control.TrafficQuery{Limit: 7}); ; {
			page, err := k.Traffic(t.Context(), k.owner, q)
			if err != nil || len(page.Incomplete) > 0 {
				t.Fatal(err, page.Incomplete)
			}
			for _, r := range page.Records {
				got = append(got, r.Request)
			}
			if q.After = page.Next; q.After == "" {
				break
			}
			pass(t, log, access.User{Name: "late"}, 100, 101) // what comes meanwhile is not in the way
		}
		if len(got) != 25 || got[0] != "req24" || got[24] != "req0" {
			t.Errorf("%v", got)
		}
		for question, kind := range map[string]fault.Kind{"other": fault.KindNotFound, wire.QuestionTraffic: fault.KindInvalid} {
			if _, err := k.AnswerGateway(t.Context(), question, []byte("{")); !fault.Is(err, kind) {
				t.Errorf("%s: %v", question, err)
			}
		}
	})
}
