import { Help, type Option } from "@commander-js/extra-typings";

/** Help of an option with its default and choices. That a switch is off by default goes without saying. */
export function optionHelp(option: Option): string {
  return option.defaultValue === false ? option.description : new Help().optionDescription(option);
}
