package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/posterntest/pg"
	"postern/internal/series"
	"postern/internal/store"
)

// BenchmarkStore measures what the service does with its database, on both engines.
func BenchmarkStore(b *testing.B) {
	for _, engine := range []struct {
		name string
		open func(*testing.B) *kit
	}{
		{"sqlite", func(b *testing.B) *kit { return open(b, sqliteConfig(b), nil) }},
		{"postgres", func(b *testing.B) *kit { return open(b, postgresConfig(b, pg.New(b)), nil) }},
	} {
		b.Run(engine.name, func(b *testing.B) {
			k := engine.open(b)
			k.crowd(b)
			for _, work := range []struct {
				name string
				do   func(context.Context) error
			}{
				{"snapshot", k.loadSnapshot},
				{"act", func(ctx context.Context) error { _, err := act(ctx, k.Store); return err }},
				{"users", k.listUsers},
				{"session", k.findSession},
				{"touch", k.touchAll},
				{"series of a minute", k.appendSeries()},
				{"series of a day", k.readSeries},
			} {
				b.Run(work.name, func(b *testing.B) {
					for b.Loop() {
						if err := work.do(b.Context()); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			b.Run("session, 8 at once", func(b *testing.B) {
				b.SetParallelism(4)
				b.RunParallel(func(p *testing.PB) {
					for p.Next() {
						if err := k.findSession(b.Context()); err != nil {
							b.Error(err)
						}
					}
				})
			})
		})
	}
}

// crowd stores 1,000 applications, 5,000 assignments, 1,000 connectors, 1,000 users in 10 of 50
// groups each, and a session of each.
func (k *kit) crowd(b *testing.B) {
	b.Helper()
	k.settle(b)
	groups := make([]access.Group, 50)
	for i := range groups {
		groups[i] = access.Group{Meta: meta(num("grp_x", i), i), Name: fmt.Sprint("group ", i)}
	}
	k.write(b, func(ctx context.Context, tx *store.Tx) error {
		for i := range 1000 {
			user := access.User{Meta: meta(num("usr_b", i), i), Name: fmt.Sprint("user ", i)}
			for j := range 10 {
				g := &groups[(i+j*5)%50]
				g.Members = append(g.Members, user.ID)
			}
			c, a := connectorNoun.sample(i), applicationNoun.sample(i)
			s := access.Session{ID: num("ses", i), Kind: access.SessionPortal, User: user.ID, Hash: make([]byte, 32), Expires: at(1)}
			if err := errFirst(tx.InsertUser(ctx, &user), tx.InsertConnector(ctx, &c), tx.InsertApplication(ctx, &a), tx.InsertSession(ctx, &s)); err != nil {
				return err
			}
		}
		for i := range groups {
			if err := tx.InsertGroup(ctx, &groups[i]); err != nil {
				return err
			}
		}
		for i := range 5000 {
			a := access.Assignment{Meta: meta(access.ID(fmt.Sprint("asg_", i)), i), Application: num("app", i%1000), User: num("usr_b", i%1000)}
			if i >= 1000 {
				a.User, a.Group = "", groups[i/1000+10].ID
			}
			if err := tx.InsertAssignment(ctx, &a); err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *kit) loadSnapshot(ctx context.Context) error {
	return k.Read(ctx, func(tx *store.Tx) error {
		_, err1 := tx.Version(ctx)
		apps, err2 := tx.AllApplications(ctx)
		_, err3 := tx.AllConnectorGroups(ctx)
		connectors, err4 := tx.AllConnectors(ctx)
		assignments, err5 := tx.AllAssignments(ctx)
		if len(apps) < 1000 || len(connectors) < 1000 || len(assignments) < 5000 {
			return fmt.Errorf("%d applications, %d connectors, %d assignments", len(apps), len(connectors), len(assignments))
		}
		return errFirst(err1, err2, err3, err4, err5)
	})
}

func (k *kit) listUsers(ctx context.Context) error {
	return k.Read(ctx, func(tx *store.Tx) error {
		list, _, err := tx.Users(ctx, access.Page{Limit: 100, After: ""})
		if len(list) != 100 {
			return fmt.Errorf("%d users", len(list))
		}
		return err
	})
}

// findSession is what the gateway asks for a cookie that it does not know yet.
func (k *kit) findSession(ctx context.Context) error {
	return k.Read(ctx, func(tx *store.Tx) error {
		s, err := tx.SessionByID(ctx, num("ses", 500))
		if err != nil {
			return err
		}
		u, err := tx.User(ctx, s.User)
		if len(u.Groups) != 10 {
			return fmt.Errorf("%d groups", len(u.Groups))
		}
		return err
	})
}

func (k *kit) touchAll(ctx context.Context) error {
	seen, used := make([]store.Seen, 1000), make([]store.Used, 1000)
	for i := range seen {
		seen[i] = store.Seen{ID: num("con", i), At: at(40), Address: "192.0.2.1"}
		used[i] = store.Used{ID: num("ses", i), At: at(40)}
	}
	return k.Write(ctx, func(tx *store.Tx) error {
		return errFirst(tx.TouchConnectors(ctx, seen), tx.TouchSessions(ctx, used))
	})
}

// appendSeries adds another minute of 1,000 connectors that carry requests.
func (k *kit) appendSeries() func(context.Context) error {
	const span = 20 * time.Minute
	now, minute := at(0).Truncate(span), 0
	return func(ctx context.Context) error {
		minute++
		start := now.Add(time.Duration(minute) * time.Minute)
		chunks := make([]store.SeriesChunk, 1000)
		for i := range chunks {
			p := series.Point{Source: uint32(i), Seq: uint64(minute), Start: start, Length: time.Minute}
			for m := series.Reported; m <= series.ShareHandles; m++ {
				p.Values[m] = uint64(minute * i)
			}
			since := start.Truncate(span)
			chunks[i] = store.SeriesChunk{Subject: string(num("con", i)), Span: span, Start: since, Data: string(series.Append(nil, since, p))}
		}
		return k.Write(ctx, func(tx *store.Tx) error { return tx.AppendSeries(ctx, chunks) })
	}
}

// readSeries reads all that is kept of one of them.
func (k *kit) readSeries(ctx context.Context) error {
	return k.Read(ctx, func(tx *store.Tx) error {
		_, err := tx.Series(ctx, []string{string(num("con", 7))}, at(0).Add(-time.Hour), at(0).Add(1000*time.Hour))
		return err
	})
}
