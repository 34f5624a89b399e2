//! Days, counted and named: the calendar that certificates, headers and reports write.

/// Returns how many days after 1 January 1970 a day is; none for one before it, or that no month has.
///
/// ```
/// use turbomcp_protocol::date;
///
/// assert_eq!(date::day_number(1970, 1, 1), Some(0));
/// assert_eq!(date::day_number(2024, 2, 29), Some(19_782));
/// assert_eq!(date::day_number(2023, 2, 29), None);
/// ```
#[must_use]
pub fn day_number(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin with March, so that the day that is not always there is the last one.
    let (from_march, shifted) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = from_march * 365 + from_march / 4 - from_march / 100 + from_march / 400;
    let number = (days + (shifted * 153 + 2) / 5 + day - 1).checked_sub(TO_1970)?;
    // The 31st of a month of 30 days would be the first of the next.
    (day_of(number) == (year, month, day)).then_some(number)
}

/// Returns year, month and day of the day that is so many days after 1 January 1970.
///
/// ```
/// use turbomcp_protocol::date;
///
/// assert_eq!(date::day_of(20_662), (2026, 7, 28));
/// ```
#[must_use]
pub fn day_of(number: u64) -> (u64, u64, u64) {
    let days = number + TO_1970;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// The first of March of the year 0 was that many days before 1970.
const TO_1970: u64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_has_one_number() {
        let mut expected = 0;
        for year in 1970..2402u64 {
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            for (month, length) in
                (1..).zip([31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
            {
                for day in 1..=length {
                    assert_eq!(day_number(year, month, day), Some(expected), "{year}-{month}-{day}");
                    assert_eq!(day_of(expected), (year, month, day));
                    expected += 1;
                }
                assert_eq!(day_number(year, month, length + 1), None, "{year}-{month}");
            }
        }
        for (year, month, day) in [(1969, 12, 31), (2026, 0, 1), (2026, 13, 1), (2026, 1, 0), (10_000, 1, 1)] {
            assert_eq!(day_number(year, month, day), None);
        }
    }
}
