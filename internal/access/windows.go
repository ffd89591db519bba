package access

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the same time zones everywhere, whatever the machine has

	"postern/internal/fault"
)

// Window is a time of the week: on some days from one time of the day to another, as clocks in a
// zone show them. One whose end is not after its beginning ends on the day after; its day is that of
// its beginning. It is open without a break, whatever becomes of the clocks meanwhile: where clocks
// are set forward over its beginning or end, that is the moment at which they are set; where an hour
// comes twice, the first time counts.
type Window struct {
	Days     Days
	From, To Clock
	Zone     string // of the IANA time zone database
}

// Days is a set of days of the week.
type Days uint8

// Has reports whether the day is in the set.
func (d Days) Has(day time.Weekday) bool { return d&(1<<day) != 0 }

// Clock is a time of the day in minutes since midnight; at most 24:00.
type Clock int

func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", c/60, c%60) }

// week lists the days as windows are written, from Monday on.
var week = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// weekday gives the day of a place in week.
func weekday(i int) time.Weekday { return time.Weekday((i + 1) % 7) }

// String gives the form that ParseWindow reads: "mon-fri 08:00-18:00 Europe/Berlin".
func (w Window) String() string {
	return w.Days.String() + " " + w.From.String() + "-" + w.To.String() + " " + w.Zone
}

// String lists the days: ranges of three and more as such, all of them as "daily".
func (d Days) String() string {
	if d == 1<<7-1 {
		return "daily"
	}
	var parts []string
	for i := 0; i < 7; i++ {
		if !d.Has(weekday(i)) {
			continue
		}
		last := i
		for last+1 < 7 && d.Has(weekday(last+1)) {
			last++
		}
		if last-i < 2 {
			parts = append(parts, week[i])
			continue
		}
		parts = append(parts, week[i]+"-"+week[last])
		i = last
	}
	return strings.Join(parts, ",")
}

// MarshalText gives String.
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText is ParseWindow.
func (w *Window) UnmarshalText(text []byte) (err error) {
	*w, err = ParseWindow(string(text))
	return err
}

// ParseWindow reads a window such as "mon-fri 08:00-18:00 Europe/Berlin". Days are lists and ranges
// of mon tue wed thu fri sat sun, or daily.
func ParseWindow(text string) (Window, error) {
	const form = "must be like \"mon-fri 08:00-18:00 Europe/Berlin\""
	var w Window
	bad := func(why string, args ...any) (Window, error) {
		return Window{}, fault.New(fault.KindInvalid, "%s; in %q %s", form, text, fmt.Sprintf(why, args...))
	}
	parts := strings.Fields(text)
	if len(text) > 128 || len(parts) != 3 {
		return bad("there are not days, times and a time zone")
	}
	for _, part := range strings.Split(strings.ToLower(parts[0]), ",") {
		first, last, isRange := strings.Cut(part, "-")
		if part == "daily" {
			first, last, isRange = "mon", "sun", true
		}
		if !isRange {
			last = first
		}
		i, j := slices.Index(week, first), slices.Index(week, last)
		if i < 0 || j < 0 {
			return bad("%q is no day; days are %s and daily", part, strings.Join(week, ", "))
		}
		for ; i != j; i = (i + 1) % 7 {
			w.Days |= 1 << weekday(i)
		}
		w.Days |= 1 << weekday(j)
	}
	from, to, ok := strings.Cut(parts[1], "-")
	var err1, err2 error
	w.From, err1 = parseClock(from)
	w.To, err2 = parseClock(to)
	if !ok || err1 != nil || err2 != nil {
		return bad("%q are no times", parts[1])
	}
	w.Zone = parts[2]
	return w, w.Validate()
}

func parseClock(text string) (Clock, error) {
	if text == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != 5 {
		return 0, fault.New(fault.KindInvalid, "%q is no time of the day", text)
	}
	return Clock(t.Hour()*60 + t.Minute()), nil
}

// Validate says what is wrong with the window.
func (w Window) Validate() error {
	switch {
	case w.Days == 0 || w.Days >= 1<<7:
		return fault.New(fault.KindInvalid, "must name days")
	case w.From < 0 || w.From >= 24*60 || w.To < 0 || w.To > 24*60:
		return fault.New(fault.KindInvalid, "must have times from 00:00 to 24:00")
	case w.From == w.To:
		return fault.New(fault.KindInvalid, "must not end when it begins: %s; for a whole day write 00:00-24:00", w)
	}
	if _, err := w.location(); err != nil {
		return err
	}
	return nil
}

func (w Window) location() (*time.Location, error) {
	if w.Zone == "" || w.Zone == "Local" {
		return nil, fault.New(fault.KindInvalid, "must name a time zone such as Europe/Berlin or UTC")
	}
	loc, err := time.LoadLocation(w.Zone)
	if err != nil {
		return nil, fault.New(fault.KindInvalid, "names the time zone %q, which there is not; such as Europe/Berlin or UTC", w.Zone)
	}
	return loc, nil
}

// A span is a window with its time zone at hand. Without one it is never open.
type span struct {
	Window
	zone *time.Location
}

func spanOf(w Window) span {
	loc, err := w.location()
	if err != nil {
		loc = nil
	}
	return span{w, loc}
}

// open reports whether the window is open at now, and until when.
func (s span) open(now time.Time) (until time.Time, ok bool) {
	if s.zone == nil {
		return time.Time{}, false
	}
	year, month, day := now.In(s.zone).Date()
	for _, back := range []int{1, 0} { // what began yesterday may last until today
		began := time.Date(year, month, day-back, 0, 0, 0, 0, time.UTC)
		if !s.Days.Has(began.Weekday()) {
			continue
		}
		to := s.To
		if to <= s.From {
			to += 24 * 60
		}
		if end := moment(began, to, s.zone); !now.Before(moment(began, s.From, s.zone)) && now.Before(end) && end.After(until) {
			until, ok = end, true
		}
	}
	return until, ok
}

// moment gives the first moment at which clocks in the zone show the time of that day, given as
// midnight UTC of its date, or a later one.
func moment(day time.Time, at Clock, zone *time.Location) time.Time {
	shown := day.Add(time.Duration(at) * time.Minute) // as if the zone were UTC
	for from := shown.Add(-36 * time.Hour); ; {       // before it anywhere on earth
		local := from.In(zone)
		_, offset := local.Zone()
		_, next := local.ZoneBounds()
		found := shown.Add(-time.Duration(offset) * time.Second)
		switch {
		case found.Before(from): // skipped: the clocks were set over it
			return from
		case next.IsZero() || found.Before(next):
			return found
		}
		from = next
	}
}
