-- One row per enrolment: a student in a presentation of a module. A presentation's code comes up in several modules, so
-- its label here holds the module too.
WITH handed_in AS (
    SELECT DISTINCT link.left_person AS person, assessment.code_module, assessment.code_presentation
    FROM sources.results AS result
    JOIN sources.assessments AS assessment ON assessment.id_assessment = result.id_assessment
    JOIN links.submissions AS link ON link.right_person = result.person
    WHERE NOT result.is_banked
)
SELECT
    student.person,
    student.code_module AS module,
    student.code_module || ' ' || student.code_presentation AS presentation,
    student.region,
    student.gender,
    student.age_band,
    CASE WHEN student.disability THEN 'Declared' ELSE 'Not declared' END AS disability,
    student.imd_band,
    student.final_result,
    handed_in.person IS NOT NULL AS submitted,
    COALESCE(registration.date_registration <= -30, FALSE) AS registered_ahead
FROM sources.students AS student
LEFT JOIN handed_in
    ON handed_in.person = student.person
    AND handed_in.code_module = student.code_module
    AND handed_in.code_presentation = student.code_presentation
LEFT JOIN sources.registrations AS registration
    ON registration.person = student.person
    AND registration.code_module = student.code_module
    AND registration.code_presentation = student.code_presentation
