package service_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/internal/store"
)

// TestSettingsAreTrue: what the service was started with is told as it is in force, and no secret of it.
func TestSettingsAreTrue(t *testing.T) {
	s := posterntest.New(t)
	found, err := s.API.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	value := func(name string) api.Setting {
		i := slices.IndexFunc(found.Items, func(f api.Setting) bool { return f.Name == name })
		if i < 0 {
			t.Fatalf("%s is missing in %+v", name, found.Items)
		}
		return found.Items[i]
	}
	for name, want := range map[string]string{"url": s.PortalURL, "admin-url": s.AdminURL, "proxy-protocol-from": "", "drain": value("drain").Value, "archive-after": "240h"} {
		if got := value(name); got.Value != want {
			t.Errorf("%s is %q, told is %+v", name, want, got)
		}
	}
	if !value("url").Set || value("region").Set {
		t.Errorf("what was given: %+v", found.Items)
	}
}

// TestBackupOverTheAPIRestores: the downloaded file is whole, and holds what was there.
func TestBackupOverTheAPIRestores(t *testing.T) {
	s := posterntest.New(t)
	s.Publish("wiki", "http://127.0.0.1:9/")
	var file bytes.Buffer
	size, err := s.API.Backup(t.Context(), &file)
	if err != nil || size != int64(file.Len()) || size == 0 {
		t.Fatalf("%d bytes, %v", size, err)
	}
	into := store.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "restored.db"), KeyFile: filepath.Join(s.Dir, "service", "master.key")}
	if _, err := store.Restore(t.Context(), store.Restoring{Config: into, File: bytes.NewReader(file.Bytes())}); err != nil {
		t.Fatal(err)
	}
	restored, err := store.Open(t.Context(), into)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	if err := restored.Read(t.Context(), func(tx *store.Tx) error {
		apps, err := tx.AllApplications(t.Context())
		if len(apps) != 1 || apps[0].Name != "wiki" {
			t.Errorf("%+v", apps)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

// TestRetentionReachesTheTrafficLog: without a restart, as the configuration says.
func TestRetentionReachesTheTrafficLog(t *testing.T) {
	s := posterntest.New(t)
	now, err := s.API.Retention(t.Context())
	if err != nil || now.InForce.Traffic.Seconds != int64(30*access.Day/time.Second) {
		t.Fatalf("%+v, %v", now, err)
	}
	set, err := s.API.UpdateRetention(t.Context(), now.Version, api.Patch{"trafficDays": 3, "trafficBytes": 7 << 20})
	if err != nil || set.InForce.Traffic.By != "setting" || set.InForce.TrafficSize.Bytes != 7<<20 {
		t.Fatalf("%+v, %v", set, err)
	}
	late := time.After(posterntest.Patience)
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		if kept := s.Service.Traffic().Kept(); kept.Age == 3*access.Day && kept.Bytes == 7<<20 {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("the traffic log still keeps %+v", s.Service.Traffic().Kept())
		}
	}
}
