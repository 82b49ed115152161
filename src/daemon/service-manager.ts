import { execFile } from 'node:child_process';

/** systemd's sd_notify, for `Type=notify` units; silent everywhere else. */
export interface ServiceManager {
  ready(): void;
  stopping(): void;
}

/**
 * Node cannot write to a datagram socket of the file system, so systemd's own `systemd-notify` does
 * (the unit needs `NotifyAccess=all`). Without NOTIFY_SOCKET nothing is started.
 */
export function serviceManager(
  environment: Readonly<Record<string, string | undefined>>,
  log: (line: string) => void,
): ServiceManager {
  const socket = environment['NOTIFY_SOCKET'];
  const notify = (...states: string[]): void => {
    if (socket === undefined || socket === '') return;
    execFile(
      'systemd-notify',
      states,
      { env: { PATH: environment['PATH'] ?? '/usr/bin:/bin', NOTIFY_SOCKET: socket } },
      (error) => {
        if (error !== null) log(`systemd-notify failed: ${error.message}`);
      },
    );
  };
  return {
    ready: () => {
      notify('--ready', `--pid=${String(process.pid)}`);
    },
    stopping: () => {
      notify('STOPPING=1');
    },
  };
}
