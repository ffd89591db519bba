package portal

import "strings"

// browserName says in a few words what signed in, from what it says of itself in User-Agent: enough to tell
// one's own browsers apart. What is not known is shown as it is.
func browserName(agent string) string {
	name := firstOf(agent, [][2]string{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"Vivaldi/", "Vivaldi"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Chromium/", "Chromium"}, {"Safari/", "Safari"},
	})
	on := firstOf(agent, [][2]string{
		{"iPhone", "an iPhone"}, {"iPad", "an iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"}, {"Mac OS X", "a Mac"}, {"Linux", "Linux"},
	})
	switch {
	case !strings.HasPrefix(agent, "Mozilla/") || name == "":
		return agent
	case on == "":
		return name
	}
	return name + " on " + on
}

// firstOf gives the second of the first pair whose first is in the text.
func firstOf(text string, pairs [][2]string) string {
	for _, pair := range pairs {
		if strings.Contains(text, pair[0]) {
			return pair[1]
		}
	}
	return ""
}
