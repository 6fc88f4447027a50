// Where an attack goes, and for how long.

export interface Target {
  readonly port: number;
  readonly serverName: string;
  readonly seconds: number;
}
