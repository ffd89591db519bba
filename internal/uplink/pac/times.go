package pac

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	weekdays = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
	months   = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
)

// zone takes the last word "GMT" from the arguments; without it the machine's own time counts.
func zone(args []string, now time.Time) ([]string, time.Time) {
	if n := len(args); n > 0 && strings.EqualFold(args[n-1], "GMT") {
		return args[:n-1], now.UTC()
	}
	return args, now.Local()
}

func index(list []string, word string) int {
	return slices.IndexFunc(list, func(each string) bool { return strings.EqualFold(each, word) })
}

// within reports whether a value is between two, both included; a range that ends before it begins goes on past the turn.
func within(value, from, to []int) bool {
	after, before := slices.Compare(value, from) >= 0, slices.Compare(value, to) <= 0
	if slices.Compare(from, to) <= 0 {
		return after && before
	}
	return after || before
}

func weekdayRange(args []string, now time.Time) bool {
	args, now = zone(args, now)
	if len(args) < 1 || len(args) > 2 {
		return false
	}
	from, to := index(weekdays, args[0]), index(weekdays, args[len(args)-1])
	return from >= 0 && to >= 0 && within([]int{int(now.Weekday())}, []int{from}, []int{to})
}

// dateRange takes a day, a month or a year, or two of what is made of these: days, months, days with months, months with
// years, days with months and years.
func dateRange(args []string, now time.Time) bool {
	args, now = zone(args, now)
	if len(args) == 1 {
		args = append(args, args[0])
	}
	if len(args) == 0 || len(args)%2 != 0 || len(args) > 6 {
		return false
	}
	from, ok1 := date(args[:len(args)/2])
	to, ok2 := date(args[len(args)/2:])
	if !ok1 || !ok2 || from.parts() != to.parts() {
		return false
	}
	today := partialDate{year: now.Year(), month: int(now.Month()), day: now.Day()}
	value := today.only(from)
	if from.year != 0 && (slices.Compare(value, from.only(from)) < 0 || slices.Compare(value, to.only(from)) > 0) {
		return false // years do not come around
	}
	return within(value, from.only(from), to.only(from))
}

// partialDate is a date of which 0 is not said.
type partialDate struct{ year, month, day int }

func date(args []string) (d partialDate, ok bool) {
	for _, arg := range args {
		n, err := strconv.Atoi(arg)
		month := index(months, arg)
		switch {
		case month >= 0 && d.month == 0:
			d.month = month + 1
		case err == nil && n >= 1 && n <= 31 && d.day == 0:
			d.day = n
		case err == nil && n > 31 && d.year == 0:
			d.year = n
		default:
			return d, false
		}
	}
	return d, true
}

func (d partialDate) parts() [3]bool { return [3]bool{d.year != 0, d.month != 0, d.day != 0} }

// only gives those numbers, the largest unit first, that like says.
func (d partialDate) only(like partialDate) (list []int) {
	for i, n := range []int{d.year, d.month, d.day} {
		if like.parts()[i] {
			list = append(list, n)
		}
	}
	return list
}

// timeRange takes an hour, two hours, two times with minutes, or two with minutes and seconds. The hour or minute that is
// named last belongs to the range.
func timeRange(args []string, now time.Time) bool {
	args, now = zone(args, now)
	numbers := make([]int, len(args))
	for i, arg := range args {
		n, err := strconv.Atoi(arg)
		if err != nil || n < 0 || n > 60 {
			return false
		}
		numbers[i] = n
	}
	clock := []int{now.Hour(), now.Minute(), now.Second()}
	switch len(numbers) {
	case 1:
		return clock[0] == numbers[0]
	case 2, 4, 6:
		n := len(numbers) / 2
		return within(clock[:n], numbers[:n], numbers[n:])
	}
	return false
}
