package daemon

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
)

// Order is what the service control manager asked for beside a stop.
type Order int

// The orders.
const (
	OrderReload   Order = iota // SERVICE_CONTROL_PARAMCHANGE: read again what can be read again
	OrderHandOver              // ControlHandOver: let a new process of the program that is installed now take over
)

// ControlHandOver is a control code of our own: Windows leaves 128 to 255 to services.
const ControlHandOver = svc.Cmd(128)

// ErrNoService says that the service control manager did not start this process.
var ErrNoService = errors.New("this is not a Windows service")

// WindowsService runs a program below the service control manager: run's context ends when the manager stops the service, or the
// machine shuts down. run returns when all is wound up. It fails with ErrNoService at once if the manager did not start this process.
func WindowsService(ctx context.Context, run func(ctx context.Context, orders <-chan Order) error) error {
	h := &handler{ctx: ctx, run: run}
	// The name is not looked at for a service with a process of its own.
	err := svc.Run("", h)
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return ErrNoService
	}
	if err != nil {
		return errors.Join(h.err, fmt.Errorf("speak to the service control manager: %w", err))
	}
	return h.err
}

type handler struct {
	ctx context.Context
	run func(ctx context.Context, orders <-chan Order) error
	err error // what run returned
}

// Execute is called by svc.Run.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (specific bool, code uint32) {
	const accepts = svc.AcceptStop | svc.AcceptShutdown | svc.AcceptParamChange
	ctx, stop := context.WithCancel(h.ctx)
	defer stop()
	orders, done := make(chan Order, 4), make(chan error, 1)
	go func() { done <- h.run(ctx, orders) }()
	now := svc.Status{State: svc.Running, Accepts: accepts}
	status <- now
	stopped := false
	for {
		select {
		case h.err = <-done:
			status <- svc.Status{State: svc.StopPending}
			if h.err == nil || stopped { // who ran it says what failed at its end
				return false, 0
			}
			return true, 1 // the manager restarts what ends with a code
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				status <- now
			case svc.Stop, svc.Shutdown:
				now = svc.Status{State: svc.StopPending, WaitHint: 30_000}
				status <- now
				stopped = true
				stop()
			case svc.ParamChange:
				order(orders, OrderReload)
			case ControlHandOver:
				order(orders, OrderHandOver)
			}
		}
	}
}

func order(to chan<- Order, o Order) {
	select {
	case to <- o:
	default: // as many are waiting already
	}
}
