package cli

import (
	"strconv"
	"time"

	"postern/internal/api"
)

// What the columns of the traffic log say.

// whoAsked says who asked, and from which device.
func whoAsked(t api.Traffic) string {
	who := nameOr(t.UserName, t.User)
	if device := nameOr(t.DeviceName, t.Device); device != "" {
		who += " on " + device
	}
	return who
}

// asked says what was asked: the method and the URL, where a flow went and for which program, or how many requests a summary tells of.
func asked(t api.Traffic) string {
	if t.Count <= 1 && t.Method == "" && t.Device != "" {
		if t.Process != "" {
			return t.Host + " (" + t.Process + ")"
		}
		return t.Host
	}
	if t.Count > 1 || t.Method == "" {
		return nameOr(t.ApplicationName, t.Application) + " (" + strconv.Itoa(t.Count) + " requests)"
	}
	return t.Method + " " + t.Host + t.Path
}

func statusText(t api.Traffic) string {
	if t.Status == 0 {
		return ""
	}
	return strconv.Itoa(t.Status)
}

func outcomeText(t api.Traffic) string {
	text := t.Outcome
	if t.Reason != "" {
		text += ": " + t.Reason
	}
	if !t.Complete {
		text += ", cut"
	}
	return text
}

func took(t api.Traffic) string {
	d := time.Duration(t.Duration * float64(time.Millisecond))
	if d > time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}
