package service

import (
	"context"
	"path/filepath"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/trafficlog"
	"postern/internal/wire"
)

// TrafficDir is the directory of the traffic log in the data directory.
const TrafficDir = "traffic"

// openTraffic makes the traffic log, unless there is to be none. What keeps it from being written is no reason not to start.
func (s *Service) openTraffic() (err error) {
	if s.cfg.TrafficBytes < 0 {
		return nil
	}
	names := &control.TrafficNamer{Snapshot: s.snapshot}
	s.traffic, err = trafficlog.New(trafficlog.Config{
		Dir: filepath.Join(s.cfg.Data, TrafficDir), Log: s.log, Now: s.cfg.Now, Registerer: s.registry,
		Describe: func(r *wire.Record) { names.Name(r) },
		Limits:   trafficlog.Limits{Bytes: s.cfg.TrafficBytes, Age: s.cfg.TrafficAge}, // until followRetention knows what is set
	})
	return err
}

// snapshot gives the configuration in force.
func (s *Service) snapshot() *access.Snapshot {
	snap, err := s.control.Snapshot(context.Background(), 0) // what is there is given at once
	if err != nil {
		return nil
	}
	return snap
}

// followRetention has the traffic log keep as much as the configuration says, until ctx ends.
func (s *Service) followRetention(ctx context.Context) {
	if s.traffic == nil {
		return
	}
	for after := uint64(0); ; {
		snap, err := s.control.Snapshot(ctx, after)
		if err != nil {
			return // ctx has ended
		}
		after = snap.Version
		kept := s.control.Kept()
		s.traffic.Keep(trafficlog.Keep{Bytes: kept.TrafficSize.Bytes, Age: kept.Traffic.For})
	}
}

func (s *Service) runTraffic(ctx context.Context) error {
	if s.traffic == nil {
		return nil
	}
	return s.traffic.Run(ctx)
}

// Traffic gives the traffic log of this process; nil if there is none.
func (s *Service) Traffic() *trafficlog.Log { return s.traffic }

// askGateway asks another gateway something. Nobody asks before the gateway is there.
func (s *Service) askGateway(ctx context.Context, id, question string, body []byte) ([]byte, error) {
	return s.gateway.AskGateway(ctx, id, question, body)
}
