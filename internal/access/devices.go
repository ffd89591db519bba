package access

import "time"

// PrefixDevice is the prefix of devices' ids.
const PrefixDevice = "dev"

// DeviceFacts are what is known of the device that somebody uses. The zero value: a browser, or a program that is not enrolled.
type DeviceFacts struct {
	ID        ID     `json:",omitempty"`
	Name      string `json:",omitempty"`
	OS        string `json:",omitempty"` // "linux", "windows" or "darwin", as the device says
	OSVersion string `json:",omitempty"`
	Program   string `json:",omitempty"` // the client's version
}

// DeviceToken is what a device shows to say who uses it.
type DeviceToken struct {
	Device  ID // proven by its certificate
	Serial  string
	Secret  string // an access token
	Address string // from where
	At      time.Time
}
