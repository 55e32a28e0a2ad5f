// When things are due: cron expressions, single times, alarms, time zones, calendars, blackouts.
//
// Pure: no clock, no files, no system calendar. The bytes of a time zone are handed in, and so is the moment to search from; the same
// question always has the same answer. What happens at a due time is the engine's business.
